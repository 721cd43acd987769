"use strict";
// Making elements, numbers as text, and the data that lies beside the page. All text enters through textContent.

const SVG = "http://www.w3.org/2000/svg";
const fdbench = { known: new Map(), waiting: new Map() };

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// A file of the page says what it holds: `fdbench.put("00012", {...})`.
fdbench.put = (name, value) => {
  fdbench.known.set(name, value);
  const waiting = fdbench.waiting.get(name);
  if (waiting) waiting(value);
  fdbench.waiting.delete(name);
};

// Scripts, because a page that is opened from disk may fetch nothing. In a single file the data lies in the page.
fdbench.load = (name) => {
  if (fdbench.known.has(name)) return Promise.resolve(fdbench.known.get(name));
  const inside = document.getElementById(`data-${name}`);
  if (inside) {
    fdbench.put(name, JSON.parse(inside.textContent));
    return fdbench.load(name);
  }
  return new Promise((resolve, reject) => {
    fdbench.waiting.set(name, resolve);
    const failed = () => reject(new Error(`data/${name}.js is not beside this page`));
    document.head.append(h("script", { src: `data/${name}.js`, onerror: failed }));
  });
};

// Where a recording is played from: a file beside the page, or one inside of it.
function soundOf(name) {
  const inside = document.getElementById(`sound-${name}`);
  if (!inside) return name;
  const text = atob(inside.textContent.trim());
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: "audio/flac" }));
}

function number(value, places = 2) {
  const text = value.toFixed(places);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "\u2212");
}

const isRate = (metric) => metric.endsWith("_rate") || metric.endsWith("_share");

// A value as a reader sees it. Of one clip a rate is an answer.
function worded(metric, unit, value, ofOneClip) {
  if (ofOneClip && metric.endsWith("_rate") && (value === 0 || value === 1)) return value ? "yes" : "no";
  if (isRate(metric) || unit === "rate" || unit === "share") return `${number(100 * value, 0)}\u202f%`;
  return unit === "s" ? `${number(value)}\u202fs` : `${number(value)}${unit && unit !== "F1" ? ` ${unit}` : ""}`;
}

function clock(time) {
  return `${number(time)}\u202fs`;
}
