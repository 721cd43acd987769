// The page: headline, tasks, a task's clips, and a clip. The address says what is shown, so that back and links work.

let index = null;
let open = null; // the clip that is shown: what it plays and how it is drawn
let lastKey = null; // the clip that was shown before the rows are
const states = new Map();

const stateOf = (task) => {
  if (!states.has(task)) states.set(task, { filter: "all", sort: null, text: "" });
  return states.get(task);
};

function place() {
  const [, task, clip] = (location.hash || "").split("/");
  return { task: Math.min(Math.max(0, Number(task) || 0), Math.max(0, index.tasks.length - 1)), clip: clip || null };
}

const hrefOf = (task, clip) => (clip ? `#/${task}/${clip}` : `#/${task}`);
const names = () => index.runs.map((run) => run.name);

function chip(run) {
  return h("span", { class: `swatch run-${run % 6}` });
}

function figures(run) {
  return h("dl", { class: "figures" }, run.figures.map(([label, value, interval], i) =>
    h("div", { class: i ? "figure" : "figure first" }, h("dt", {}, label), h("dd", {}, value, interval && h("small", {}, interval)))));
}

function runHead(run, i) {
  const facts = h("dl", { class: "facts" }, run.facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  const notes = run.notes.map((note) => h("li", {}, note));
  return h("section", { class: "run" },
    h("h2", {}, chip(i), run.name, h("small", {}, `${run.n} clips${run.failed ? `, ${run.failed} failed` : ""}`)),
    run.figures.length ? figures(run) : h("p", { class: "quiet" }, "No headline: it needs the corrected protocol."),
    h("details", {}, h("summary", {}, "How it was measured"), facts),
    notes.length > 0 && h("details", { class: "notes", open: notes.length < 4 }, h("summary", {}, `${notes.length} remark${notes.length > 1 ? "s" : ""}`), h("ul", {}, notes)));
}

function taskTabs(current) {
  return h("nav", { "aria-label": "tasks", class: "tasks" }, index.tasks.map((task, i) =>
    h("a", { href: hrefOf(i), title: task.name, "aria-current": i === current ? "page" : null }, task.title,
      index.tasks.filter((other) => other.title === task.title).length > 1 && h("small", {}, task.name),
      h("span", { class: "count" }, task.clips.length))));
}

function summaryTable(task) {
  const rows = task.columns.map((column, c) => {
    const aim = column.higher === true ? "higher is better" : column.higher === false ? "lower is better" : "";
    return h("tr", {}, h("th", { scope: "row" }, h("details", {}, h("summary", {}, column.words), h("small", {}, column.says + (aim ? ` (${aim})` : "")))),
      task.summaries.map((own) => summaryCell(column, own[c])));
  });
  const head = index.runs.length > 1 && h("thead", {}, h("tr", {}, h("td"), index.runs.map((run, i) => h("th", { scope: "col" }, chip(i), run.name))));
  return h("div", { class: "scroll" }, h("table", { class: "summary" }, head, h("tbody", {}, rows)));
}

function summaryCell(column, summary) {
  if (!summary) return h("td", {}, "–");
  const [value, low, high, [n, without, censored, failed], least] = summary;
  const text = value !== null ? worded(column.metric, column.unit, value) : least !== null && least !== undefined ? `> ${number(least)}\u202f${column.unit}` : "–";
  const bounds = low !== null && high !== null ? `${worded(column.metric, column.unit, low)} to ${worded(column.metric, column.unit, high)}, ` : "";
  const counts = [`${n} scored`, censored && `${censored} censored`, without && `${without} not applicable`, failed && `${failed} failed`];
  return h("td", {}, h("strong", {}, text), h("small", {}, bounds + counts.filter(Boolean).join(", ")));
}

function showTask(number_) {
  const task = index.tasks[number_];
  const state = stateOf(number_);
  const main = document.getElementById("main");
  const chart = h("div");
  const list = h("div");
  const changed = (change, keepsBar) => {
    Object.assign(state, change);
    draw(keepsBar);
  };
  const bar = h("div");
  const draw = (keepsBar) => {
    if (!keepsBar) bar.replaceChildren(filterBar(task, state, changed));
    list.replaceChildren(rowsTable(task, state, names(), index.reasons, changed, (key) => hrefOf(number_, key), lastKey));
  };
  main.replaceChildren(
    h("section", { class: "runs" }, index.runs.map(runHead)),
    taskTabs(number_),
    h("section", { class: "task" }, h("h2", { id: "task" }, task.title, h("small", {}, task.name)),
      h("div", { class: "about" }, summaryTable(task), chart), bar, list));
  draw();
  const redraw = () => task.onsets && chart.replaceChildren(onsetChart(task.onsets, names(), Math.max(300, chart.clientWidth)));
  redraw();
  open = { redraw, stop: () => {} };
  const before = lastKey && main.querySelector(`tr[data-clip="${lastKey}"] a`);
  if (before) {
    before.scrollIntoView({ block: "center" });
    before.focus({ preventScroll: true });
  }
}

function transcriptOf(call, seek) {
  const said = call.lanes.filter((lane) => lane.role !== "other")
    .flatMap((lane) => phrases(lane.words, 0.7).map((phrase) => ({ ...phrase, lane })))
    .sort((a, b) => a.start - b.start);
  if (!said.length) return null;
  return h("details", { class: "said" }, h("summary", {}, "Words"), h("ol", {}, said.map(({ start, text, lane }) =>
    h("li", { class: `role-${lane.role}` }, h("button", { type: "button", onclick: () => seek(start) }, clock(start)), h("b", {}, lane.name), h("span", { dir: "auto" }, text)))));
}

function numbersOf(call) {
  if (!call.values.length) return null;
  const protocols = [...new Set(call.values.map(([protocol]) => protocol))];
  return protocols.map((protocol, i) => {
    const rows = call.values.filter((row) => row[0] === protocol).map(([, metric, value, reason, parts]) => {
      const [unit, says] = index.metrics[metric] || ["", ""];
      const [why, status] = index.reasons[reason] || [reason, ""];
      return h("tr", {}, h("th", { scope: "row" }, metric),
        h("td", { class: "number" }, value === null ? "–" : worded(metric, unit, value, true)),
        h("td", {}, why && h("em", { class: `status-${status[0]}` }, why), h("span", {}, says), parts && h("small", {}, parts)));
    });
    return h("details", { class: "numbers" }, h("summary", {}, `Every number under ${protocol}${i ? "" : " (drawn above)"}`),
      h("div", { class: "scroll" }, h("table", {}, h("tbody", {}, rows))));
  });
}

// One run's call of the clip: why, lanes, players, and everything else folded away.
function callPanel(call, span, several) {
  const canvas = h("div", { class: "canvas", tabindex: 0, role: "group", "aria-label": "lanes; click to seek" });
  let drawn = null;
  const moved = (time) => {
    const x = drawn && drawn.moveTo(time);
    if (x !== null && canvas.scrollWidth > canvas.clientWidth && (x < canvas.scrollLeft || x > canvas.scrollLeft + canvas.clientWidth - 40)) canvas.scrollLeft = x - 60;
  };
  const player = playerOf(call, moved);
  const redraw = () => {
    drawn = drawCall(call, span, canvas.clientWidth, player.seek);
    canvas.replaceChildren(drawn.picture);
    drawn.moveTo(0);
  };
  const judged = call.judged.map(([by, rating, words]) => h("blockquote", {}, h("footer", {}, `${by}: ${rating}`), h("p", { dir: "auto" }, words)));
  const panel = h("article", { class: `call run-${call.run % 6}` },
    several && h("h3", {}, chip(call.run), index.runs[call.run].name),
    h("p", { class: "why" }, call.why || "Nothing was decided about this call."),
    call.cost && h("p", { class: "cost" }, call.cost),
    call.lanes.length > 0 && canvas, call.lanes.length > 0 && player.panel,
    call.remarks.length > 0 && h("ul", { class: "remarks" }, call.remarks.map((remark) => h("li", {}, remark))),
    judged.length > 0 && h("section", { class: "judged" }, h("h4", {}, "The judge"), judged),
    call.own_text && h("details", {}, h("summary", {}, "What the model wrote while it spoke"), h("p", { dir: "auto" }, call.own_text)),
    transcriptOf(call, player.seek), numbersOf(call));
  return { panel, player, redraw };
}

async function showClip(taskNumber, key) {
  const task = index.tasks[taskNumber];
  const main = document.getElementById("main");
  const clips = task ? chosen(task, stateOf(taskNumber)) : [];
  const at = clips.findIndex((clip) => clip[0] === key);
  const go = (step) => {
    const next = clips[at + step];
    if (next) location.hash = hrefOf(taskNumber, next[0]);
  };
  let clip;
  try {
    clip = await fdbench.load(key);
  } catch (error) {
    main.replaceChildren(h("p", { class: "empty" }, error.message), h("a", { href: hrefOf(taskNumber) }, "all clips"));
    return;
  }
  const calls = clip.calls.filter(Boolean);
  const panels = calls.map((call) => callPanel(call, spanOf(calls), index.runs.length > 1));
  const step = (by, words, key_) => h("button", { type: "button", disabled: !clips[at + by], onclick: () => go(by), title: `key ${key_}` }, words);
  const bar = task && h("nav", { class: "steps", "aria-label": "clips" }, h("a", { href: hrefOf(taskNumber) }, `← ${task.title}`),
    h("span", { class: "quiet" }, at < 0 ? "" : `${at + 1} of ${clips.length}`), step(-1, "Previous", "k"), step(1, "Next", "j"));
  const title = clip.repeat ? `${clip.id} (repeat ${clip.repeat})` : clip.id;
  main.replaceChildren(h("section", { class: "clip" }, bar, h("h2", { tabindex: -1 }, title, h("small", {}, clip.task)), panels.map((each) => each.panel)));
  panels.forEach((each) => each.redraw());
  window.scrollTo(0, 0);
  lastKey = key;
  main.querySelector("h2").focus({ preventScroll: true });
  const first = panels.find((each) => each.player.hasSound);
  open = { go, key, redraw: () => panels.forEach((each) => each.redraw()), stop: () => panels.forEach((each) => each.player.stop()),
    toggle: first && first.player.toggle, back: () => { if (task) location.hash = hrefOf(taskNumber); } };
}

async function show() {
  const { task, clip } = place();
  if (open) open.stop();
  open = null;
  if (clip) await showClip(task, clip);
  else if (index.tasks.length) showTask(task);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !open) return;
  const at = event.target;
  if (at.closest && at.closest("input, textarea, select")) return;
  const isNative = at.closest && at.closest("audio, button, summary, a");
  const { key } = event;
  if (open.go) {
    if (key === "j" || (key === "ArrowRight" && !at.closest("audio, .canvas"))) open.go(1);
    else if (key === "k" || (key === "ArrowLeft" && !at.closest("audio, .canvas"))) open.go(-1);
    else if (key === "Escape") open.back();
    else if (key === " " && !isNative && open.toggle) open.toggle();
    else return;
    event.preventDefault();
  } else if (key === "j" || key === "k") {
    const links = [...document.querySelectorAll("tbody th a")];
    const now = links.indexOf(document.activeElement);
    const next = links[key === "j" ? now + 1 : Math.max(0, now - 1)];
    if (next) next.focus();
    event.preventDefault();
  }
}

async function begin() {
  index = await fdbench.load("index");
  document.title = index.title;
  document.getElementById("title").textContent = index.title;
  document.getElementById("made").textContent = `Made by ${index.made_by}. Keys: j next, k previous, space plays, Esc back.`;
  if (index.only) await showClip(-1, index.only);
  else {
    await show();
    window.addEventListener("hashchange", show);
  }
  document.addEventListener("keydown", pressed);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address says what is shown
    document.getElementById("main").focus();
  });
  let wait = 0;
  let wide = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === wide) return; // a phone's bars come and go
    wide = window.innerWidth;
    clearTimeout(wait);
    wait = setTimeout(() => open && open.redraw(), 120);
  });
  document.documentElement.dataset.ready = "yes";
}

begin();
