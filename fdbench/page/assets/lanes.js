// One call as lanes: waveform, speech, words, events, and the decision between the two sides. Times become places by one axis.

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const LETTER = 6.4; // a letter's width at 11 px, about
const ROW = 19;
const WAVE = 64;
const LEAST_PX_PER_S = 30;
const NARROW_PX = 600; // a phone scrolls, and can be read
const LONG_S = 40; // a longer call is drawn closer
const WORD_ROWS = 3;
const WORD_ROW = 13;
const GUTTER = 10;

const EVENT_WORDS = {
  turn_end: "turn ends", heard_onset: "hears the model", stage_entered: "stage", stage_left: "stage left", heard_turn: "hears a turn",
  talked_over: "talks over", time_up: "time is up",
};

// From when to when calls last that are drawn below one another.
function spanOf(calls) {
  const ends = calls.flatMap((call) => call.lanes.flatMap((lane) => [lane.start, lane.end]));
  const marked = calls.flatMap((call) => call.marks.flatMap((mark) => [mark[1], mark[2]]));
  return [Math.min(0, ...ends, ...marked), Math.max(1, ...ends, ...marked)];
}

function axisOf([first, last], width) {
  const least = (last - first > LONG_S ? 0.75 : 1) * (width < NARROW_PX ? 1.5 : 1) * LEAST_PX_PER_S;
  const full = Math.max(width, (last - first) * least);
  const scale = (full - 2 * GUTTER) / (last - first);
  return { first, last, width: full, scale, x: (time) => GUTTER + (time - first) * scale, time: (x) => first + (x - GUTTER) / scale };
}

// Puts things that carry text on as few rows as they need: each takes [left, right] and gives its row.
function packed() {
  const ends = [];
  return (left, right) => {
    let row = ends.findIndex((end) => end <= left);
    if (row < 0) row = ends.push(0) - 1;
    ends[row] = right + 8;
    return row;
  };
}

function waveform(lane, axis, top) {
  if (!lane.peaks) return null;
  const middle = top + WAVE / 2;
  const points = [];
  const n = lane.peaks.length;
  const step = Math.max(1, Math.floor(n / (axis.scale * (lane.end - lane.start) * 1.5)));
  for (let i = 0; i < n; i += step) {
    let level = 0;
    for (let j = i; j < Math.min(n, i + step); j++) level = Math.max(level, ALPHABET.indexOf(lane.peaks[j]));
    points.push([axis.x(lane.start + i / lane.hz), Math.max(0.6, (level / 63) * (WAVE / 2 - 3))]);
  }
  const upper = points.map(([x, y]) => `${x.toFixed(1)},${(middle - y).toFixed(1)}`);
  const lower = points.map(([x, y]) => `${x.toFixed(1)},${(middle + y).toFixed(1)}`).reverse();
  return svg("polygon", { class: "wave", points: [...upper, ...lower].join(" ") });
}

// Words that follow one another closely, as one text.
function phrases(words, gap) {
  const found = [];
  for (const [start, end, text] of words) {
    const last = found[found.length - 1];
    if (last && start - last.end < gap) {
      last.text += ` ${text}`;
      last.end = Math.max(last.end, end);
    } else found.push({ start, end, text });
  }
  return found.filter((phrase) => phrase.text.trim());
}

function clipped(text, px) {
  const most = Math.floor(px / LETTER);
  if (text.length <= most) return text;
  return most < 3 ? "" : `${text.slice(0, most - 1).trimEnd()}…`;
}

function titled(element, text) {
  element.append(svg("title", {}, text));
  return element;
}

// Each word where it begins, on the first row that has room; one that finds none is in the list of words below.
function drawWords(lane, axis, y) {
  const ends = Array(WORD_ROWS).fill(-Infinity);
  const texts = [];
  let rows = 1;
  for (const [start, , text] of lane.words) {
    const left = axis.x(start);
    const wide = text.length * LETTER;
    const row = ends.findIndex((end) => end + 4 <= left);
    if (row < 0 || left + wide > axis.width) continue;
    ends[row] = left + wide;
    rows = Math.max(rows, row + 1);
    texts.push(titled(svg("text", { class: "word", x: left, y: y + row * WORD_ROW, "data-start": start }, text), `${clock(start)}  ${text}`));
  }
  return { texts, height: rows * WORD_ROW };
}

function drawBar(piece, axis, y, className) {
  const [start, end, text, kind] = piece;
  const left = axis.x(start);
  const width = Math.max(2, axis.x(end) - left);
  const group = svg("g", { class: `${className} kind-${kind.replace(/[^a-z_-]/g, "")}`, "data-kind": kind, "data-start": start, "data-end": end });
  group.append(svg("rect", { x: left, y: y + ROW - 5, width, height: 3, rx: 1.5 }));
  titled(group, `${EVENT_WORDS[kind] || kind.replaceAll("_", " ")} ${clock(start)} to ${clock(end)} ${text}`);
  return { group, left, width };
}

// Events and utterances: a thin bar and beside or above it what it is.
function drawPieces(pieces, axis, top, className, label) {
  const place = packed();
  let rows = 0;
  const groups = pieces.map((piece) => {
    const words = label(piece);
    const left = axis.x(piece[0]);
    const wide = Math.min(words.length, 34) * LETTER;
    const row = place(left, Math.max(axis.x(piece[1]), left + wide));
    rows = Math.max(rows, row + 1);
    const bar = drawBar(piece, axis, top + row * ROW, className);
    const turned = left + wide > axis.width - 4;
    const text = svg("text", { x: turned ? axis.width - 4 : left, y: top + row * ROW + 11, "text-anchor": turned ? "end" : "start" });
    text.append(clipped(words, 34 * LETTER));
    bar.group.append(text);
    return bar.group;
  });
  return { groups, height: rows * ROW };
}

function drawLane(lane, axis, top) {
  const group = svg("g", { class: `lane role-${lane.role}`, "data-lane": lane.name });
  group.append(svg("text", { class: "lane-name", x: GUTTER + 4, y: top + 12 }, lane.name));
  let y = top + 18;
  const events = drawPieces(lane.events, axis, y, "event", ([, , text, kind]) => {
    const name = EVENT_WORDS[kind] || kind.replaceAll("_", " ");
    return text && kind !== "stage_left" ? `${name}: ${text}` : name;
  });
  y += events.height + (events.height ? 3 : 0);
  const left = axis.x(lane.start);
  group.append(svg("rect", { class: "bed", x: left, y, width: axis.x(lane.end) - left, height: WAVE, rx: 4 }));
  for (const [start, end] of lane.speech) {
    const band = svg("rect", { class: "speech", x: axis.x(start), y, width: Math.max(1, axis.x(end) - axis.x(start)), height: WAVE, rx: 3 });
    band.setAttribute("data-start", start);
    band.setAttribute("data-end", end);
    group.append(titled(band, `speech ${clock(start)} to ${clock(end)}`));
  }
  const wave = waveform(lane, axis, y);
  if (wave) group.append(wave);
  else group.append(svg("text", { class: "nothing", x: left + 8, y: y + WAVE / 2 + 4 }, "no recording here"));
  group.append(...events.groups);
  y += WAVE;
  const found = drawPieces(lane.found, axis, y, "found", ([, , text]) => text);
  group.append(...found.groups);
  y += found.height;
  if (lane.words.length) {
    const words = drawWords(lane, axis, y + 14);
    group.append(...words.texts);
    y += words.height + 6;
  }
  return { group, bottom: y };
}

function arrowHead(x, y, backwards) {
  const back = backwards ? 6 : -6;
  return svg("path", { class: "head", d: `M${x},${y} l${back},-4 l0,8 z` });
}

// The decision: rows of windows and arrows between the sides, and lines through all of them.
function drawMarks(marks, axis, top) {
  const behind = svg("g", { class: "behind" });
  const group = svg("g", { class: "marks" });
  const place = packed();
  const lines = [];
  let rows = 0;
  for (const [kind, start, end, label, tone] of marks) {
    const [from, to] = [axis.x(start), axis.x(end)];
    const [left, right] = [Math.min(from, to), Math.max(from, to)];
    const wide = label.length * LETTER + 8;
    const inside = kind === "window" && wide < right - left;
    const after = !inside && right + wide < axis.width;
    const span = inside ? [left, right] : after ? [left, right + wide] : [Math.max(0, left - wide), right];
    const row = label || kind !== "line" ? place(...span) : 0;
    rows = Math.max(rows, row + 1);
    const y = top + row * ROW;
    const mark = svg("g", { class: `mark mark-${kind} tone-${tone}`, "data-kind": kind, "data-start": start, "data-end": end, "data-label": label });
    if (kind === "line") lines.push({ mark, x: from });
    else if (kind === "window") {
      mark.append(svg("rect", { class: "bar", x: left, y: y + 2, width: Math.max(2, right - left), height: ROW - 5, rx: 3 }));
      behind.append(svg("rect", { class: `shade tone-${tone}`, x: left, y: 0, width: Math.max(2, right - left), height: 0 }));
    } else {
      const middle = y + ROW / 2;
      mark.append(svg("line", { class: "shaft", x1: from, x2: to, y1: middle, y2: middle }));
      mark.append(svg("line", { class: "foot", x1: from, x2: from, y1: middle - 5, y2: middle + 5 }));
      mark.append(arrowHead(to, middle, to < from));
    }
    const at = inside ? left + 6 : after ? right + 5 : left - 5;
    mark.append(svg("text", { x: at, y: y + 13, "text-anchor": inside || after ? "start" : "end" }, label));
    titled(mark, `${label || "mark"} ${clock(start)}${end === start ? "" : ` to ${clock(end)}`}`);
    group.append(mark);
  }
  return { group, behind, lines, height: rows * ROW };
}

function drawAxis(axis, top, height) {
  const group = svg("g", { class: "axis" });
  const steps = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
  const step = steps.find((each) => each * axis.scale >= 52) || 1200;
  for (let time = Math.ceil(axis.first / step) * step; time <= axis.last + 1e-9; time += step) {
    const x = axis.x(time);
    group.append(svg("line", { class: "grid", x1: x, x2: x, y1: top + 18, y2: height }));
    const anchor = x > axis.width - 24 ? "end" : "middle";
    group.append(svg("text", { x, y: top + 12, "text-anchor": anchor }, `${number(time, step < 1 ? 1 : 0)}\u202fs`));
  }
  return group;
}

// What a server told: a row for each clock.
function drawClocks(clocks, axis, top) {
  const group = svg("g", { class: "clocks" });
  let y = top;
  for (const [name, pieces] of clocks) {
    group.append(svg("text", { class: "lane-name", x: GUTTER + 4, y: y + 12 }, `server: ${name}`));
    y += 16;
    const drawn = drawPieces(pieces, axis, y, "event", ([, , text]) => text);
    group.append(...drawn.groups);
    y += drawn.height + 4;
  }
  return { group, bottom: y };
}

// The whole picture; `seek` is told the time that was clicked.
function drawCall(call, span, width, seek) {
  const axis = axisOf(span, width);
  const parts = [];
  let y = 24;
  const isAbove = (lane) => lane.role === "user" || lane.name === "what the model heard";
  const put = (lane) => {
    const drawn = drawLane(lane, axis, y);
    parts.push(drawn.group);
    y = drawn.bottom + 8;
  };
  call.lanes.filter(isAbove).forEach(put);
  const marks = drawMarks(call.marks, axis, y);
  y += marks.height + 4;
  call.lanes.filter((lane) => !isAbove(lane)).forEach(put);
  const clocks = drawClocks(call.clocks, axis, y);
  const height = clocks.bottom + 4;
  for (const shade of marks.behind.children) {
    shade.setAttribute("y", 20);
    shade.setAttribute("height", height - 20);
  }
  for (const { mark, x } of marks.lines) mark.prepend(svg("line", { class: "through", x1: x, x2: x, y1: 20, y2: height }));
  const head = svg("line", { class: "playhead", x1: 0, x2: 0, y1: 18, y2: height });
  const picture = svg("svg", {
    class: "lanes", width: axis.width, height, viewBox: `0 0 ${axis.width} ${height}`, role: "img",
    "aria-label": `Lanes of the call, ${number(axis.last - axis.first, 1)} seconds`,
    "data-first": axis.first, "data-scale": axis.scale, "data-gutter": GUTTER,
  });
  picture.append(drawAxis(axis, 0, height), marks.behind, ...parts, clocks.group, marks.group, head);
  picture.addEventListener("click", (event) => seek(axis.time(event.clientX - picture.getBoundingClientRect().left)));
  return { picture, moveTo: (time) => {
    const x = axis.x(time);
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
    return x;
  } };
}
