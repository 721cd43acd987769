// The clips of a task as a table that filters and sorts; rows are made as they come into view.

const CHUNK = 120;
const WORST_N = 20;
const NAMES = new Intl.Collator("en", { numeric: true });
const FILTERS = [
  ["all", "All"], ["failed", "Failed"], ["censored", "Censored"], ["undecided", "Undecided"], ["worst", "Worst"],
  ["differ", "Runs differ most"],
];
const LETTERS = { failed: "f", censored: "c", undecided: "u" };
const LETTER_WORDS = { f: "failed", c: "censored", u: "undecided" };

const hasMark = (clip, letter) => clip[3].some((cells) => cells && cells[0].includes(letter));
const valueAt = (cells, column) => (cells && typeof cells[1][column] === "number" ? cells[1][column] : null);

// The column by which a clip is bad: the seconds that it loses, else the first one.
function costColumn(task) {
  const lost = task.columns.findIndex((column) => column.metric === "lost_per_turn_s");
  return Math.max(0, lost);
}

function cost(task, clip) {
  const column = costColumn(task);
  const values = clip[3].map((cells) => valueAt(cells, column)).filter((value) => value !== null);
  if (!values.length) return null;
  return task.columns[column].higher === true ? -Math.min(...values) : Math.max(...values);
}

// How far runs lie apart in a clip: of values the widest span; where one has none and another has, that they do.
function difference(task, clip) {
  const cells = clip[3].filter(Boolean);
  if (cells.length < 2) return null;
  const values = cells.map((each) => valueAt(each, costColumn(task))).filter((value) => value !== null);
  if (values.length < 2) return values.length ? Infinity : 0;
  return Math.max(...values) - Math.min(...values);
}

function sortValue(task, clip, sort) {
  if (sort.by === "id") return null;
  if (sort.by === "marks") return clip[3].map((cells) => (cells ? cells[0] : "")).join("").length;
  if (sort.by === "difference") return difference(task, clip);
  const cell = clip[3][sort.run] && clip[3][sort.run][1][sort.by];
  if (typeof cell === "number") return cell;
  return cell && cell[2] !== null ? cell[2] : null;
}

// The clips that a filter and a sorting show, in their order.
function chosen(task, state) {
  let clips = task.clips.filter((clip) => !state.text || clip[1].toLowerCase().includes(state.text.toLowerCase()));
  const letter = LETTERS[state.filter];
  if (letter) clips = clips.filter((clip) => hasMark(clip, letter));
  if (state.filter === "worst") {
    clips = clips.filter((clip) => cost(task, clip) !== null).sort((a, b) => cost(task, b) - cost(task, a)).slice(0, WORST_N);
  }
  if (state.filter === "differ") {
    clips = clips.filter((clip) => difference(task, clip) > 0).sort((a, b) => difference(task, b) - difference(task, a));
  }
  const byName = (a, b) => NAMES.compare(a[1], b[1]) || a[2] - b[2];
  if (!state.sort) return ["worst", "differ"].includes(state.filter) ? clips : [...clips].sort(byName);
  const way = state.sort.down ? -1 : 1;
  return [...clips].sort((a, b) => {
    if (state.sort.by === "id") return way * byName(a, b);
    const [first, second] = [sortValue(task, a, state.sort), sortValue(task, b, state.sort)];
    if (first === null || second === null) return (first === null) - (second === null) || byName(a, b);
    return way * (first - second) || byName(a, b);
  });
}

function countOf(task, filter) {
  if (filter === "all") return task.clips.length;
  if (LETTERS[filter]) return task.clips.filter((clip) => hasMark(clip, LETTERS[filter])).length;
  return null;
}

function filterBar(task, state, changed) {
  const several = task.summaries.length > 1;
  const buttons = FILTERS.filter(([name]) => name !== "differ" || several).map(([name, words]) => {
    const count = countOf(task, name);
    const pressed = state.filter === name;
    return h("button", { type: "button", class: "chip", "aria-pressed": String(pressed), "data-filter": name, disabled: count === 0 && !pressed,
      onclick: () => changed({ filter: name, sort: null }) }, words, count !== null && h("span", { class: "count" }, count));
  });
  const search = h("input", { type: "search", placeholder: "find a clip", "aria-label": "find a clip by its name", value: state.text,
    oninput: (event) => changed({ text: event.target.value }, true) });
  return h("div", { class: "filters", role: "group", "aria-label": "which clips" }, buttons, search);
}

function headCell(words, sort, key, changed, title, attributes) {
  const isBy = sort && sort.by === key.by && (sort.run || 0) === (key.run || 0);
  const order = isBy ? (sort.down ? "descending" : "ascending") : "none";
  const arrow = isBy ? (sort.down ? " ↓" : " ↑") : "";
  const next = { ...key, down: isBy ? !sort.down : key.by !== "id" };
  return h("th", { scope: "col", "aria-sort": order, ...attributes },
    h("button", { type: "button", title, onclick: () => changed({ sort: next }) }, words, arrow));
}

function cellOf(column, cell, reasons) {
  if (typeof cell === "number") {
    const isWrong = column.metric.endsWith("_rate") && ((column.higher === true && cell === 0) || (column.higher === false && cell === 1));
    return h("td", { class: isWrong ? "number wrong" : "number" }, worded(column.metric, column.unit, cell, true));
  }
  if (!cell) return h("td", { class: "number none" }, "·");
  const [status, reason, later] = cell;
  const text = later !== null && later !== undefined ? `> ${number(later)}\u202fs` : status === "e" ? "failed" : "–";
  return h("td", { class: `number none status-${status}`, title: reasons[reason] ? reasons[reason][0] : "" }, text);
}

function rowOf(task, clip, reasons, names, href) {
  const letters = [...new Set(clip[3].flatMap((cells) => (cells ? [...cells[0]] : [])))];
  const marks = letters.map((letter) => h("span", { class: `flag flag-${letter}` }, LETTER_WORDS[letter]));
  const cells = task.columns.flatMap((column, c) =>
    clip[3].map((own, run) => {
      const cell = cellOf(column, own ? own[1][c] : null, reasons);
      cell.classList.add(run === 0 ? "first-run" : "next-run");
      return cell;
    }));
  const apart = difference(task, clip);
  const differs = names.length > 1 && h("td", { class: "number" }, apart === null ? "·" : apart === Infinity ? "one has none" : number(apart));
  const name = clip[2] ? `${clip[1]} (repeat ${clip[2]})` : clip[1];
  const opens = (event) => { if (!event.target.closest("a")) location.hash = href(clip[0]); };
  return h("tr", { "data-clip": clip[0], onclick: opens }, h("th", { scope: "row" }, h("a", { href: href(clip[0]) }, name), marks), cells, differs);
}

function tableHead(task, state, names, changed) {
  const { sort } = state;
  const several = names.length > 1;
  const first = h("tr", {}, headCell("Clip", sort, { by: "id" }, changed, "", { rowspan: several ? 2 : 1 }),
    task.columns.map((column, c) => several
      ? h("th", { scope: "colgroup", colspan: names.length, title: column.says }, column.words)
      : headCell(column.words, sort, { by: c, run: 0 }, changed, column.says)),
    several && headCell("apart", sort, { by: "difference" }, changed, `how far the runs lie apart: ${task.columns[costColumn(task)].words}`, { rowspan: 2 }));
  if (!several) return h("thead", {}, first);
  const second = h("tr", {}, task.columns.flatMap((column, c) => names.map((name, run) =>
    headCell(h("span", { class: `swatch run-${run % 6}`, title: name }), sort, { by: c, run }, changed, `${column.words} of ${name}`))));
  return h("thead", {}, first, second);
}

// The table; `href` says where a clip opens, `last` which one was open before.
function rowsTable(task, state, names, reasons, changed, href, last) {
  const clips = chosen(task, state);
  const body = h("tbody");
  const status = h("p", { class: "quiet", role: "status" }, `${clips.length} of ${task.clips.length} clips`);
  const end = h("div", { class: "end" });
  let made = 0;
  const more = () => {
    body.append(...clips.slice(made, made + CHUNK).map((clip) => rowOf(task, clip, reasons, names, href)));
    made = Math.min(clips.length, made + CHUNK);
  };
  do more(); while (made < clips.length && made <= clips.findIndex((clip) => clip[0] === last));
  const watcher = new IntersectionObserver((entries) => {
    if (!end.isConnected) watcher.disconnect();
    else if (entries.some((entry) => entry.isIntersecting) && made < clips.length) {
      more();
      watcher.unobserve(end);
      watcher.observe(end); // it may be in view still
    }
  }, { rootMargin: "600px" });
  watcher.observe(end);
  const none = !clips.length && h("p", { class: "empty" }, "No clip is like that.");
  const table = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "clips" }, h("table", { class: "clips" }, tableHead(task, state, names, changed), body));
  return h("div", { class: "rows" }, status, none || table, end);
}
