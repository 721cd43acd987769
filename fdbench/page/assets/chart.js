// When replies begin, as a distribution: people as an area, each run as a line; what came later or never stands apart.

function onsetChart(onsets, names, width) {
  const height = 190;
  const [left, right, top, bottom] = [44, 8, 12, 34];
  const edges = onsets.edges;
  const inner = edges.length - 1;
  const apart = Math.max(64, Math.min(84, width / 7));
  const plot = width - left - right - 2 * apart;
  const x = (time) => left + apart + ((time - edges[0]) / (edges[inner] - edges[0])) * plot;
  const all = [...onsets.runs.filter(Boolean).map((run) => run.masses), onsets.human || []];
  const highest = Math.max(...all.flat());
  const most = [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1].find((share) => share >= highest - 1e-9) || 1;
  const y = (mass) => height - bottom - (mass / most) * (height - top - bottom);
  const picture = svg("svg", { class: "onsets", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": "When replies begin, share of clips by seconds after the turn" });
  for (const share of [0, most / 2, most]) {
    picture.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(share), y2: y(share) }));
    picture.append(svg("text", { class: "tick", x: left - 6, y: y(share) + 4, "text-anchor": "end" }, `${number(100 * share, 0)}\u202f%`));
  }
  for (let time = Math.ceil(edges[0]) + 1; time < edges[inner]; time++) {
    picture.append(svg("text", { class: "tick", x: x(time), y: height - bottom + 15, "text-anchor": "middle" }, number(time, 0)));
  }
  picture.append(svg("line", { class: "zero", x1: x(0), x2: x(0), y1: top, y2: height - bottom }));
  picture.append(svg("text", { class: "tick", x: left + (apart - 8) / 2, y: height - bottom + 15, "text-anchor": "middle" }, "before"));
  picture.append(svg("text", { class: "tick", x: width - right, y: height - bottom + 15, "text-anchor": "end" }, "4 s on, never"));
  picture.append(svg("text", { class: "tick", x: x((edges[0] + edges[inner]) / 2), y: height - 4, "text-anchor": "middle" }, "seconds from the end of the user's turn to the reply"));
  const places = (masses) => masses.map((mass, i) => {
    if (i === 0) return [left + 4, left + apart - 12, mass];
    if (i === masses.length - 1) return [width - right - apart + 12, width - right - 4, mass];
    return [x(edges[i - 1]), x(edges[i]), mass];
  });
  const steps = (masses) => {
    const inside = places(masses).slice(1, -1);
    return inside.map(([from, to, mass], i) => `${i ? "L" : "M"}${from.toFixed(1)},${y(mass).toFixed(1)} L${to.toFixed(1)},${y(mass).toFixed(1)}`).join(" ");
  };
  if (onsets.human) {
    picture.append(svg("path", { class: "people", d: `${steps(onsets.human)} L${x(edges[inner])},${y(0)} L${x(edges[0])},${y(0)} Z` }));
    for (const [from, to, mass] of [places(onsets.human)[0], places(onsets.human)[inner + 1]]) {
      picture.append(svg("rect", { class: "people", x: from, y: y(mass), width: to - from, height: y(0) - y(mass) }));
    }
  }
  onsets.runs.forEach((run, i) => {
    if (!run) return;
    picture.append(svg("path", { class: `onset-line run-${i % 6}`, d: steps(run.masses) }));
    const ends = [places(run.masses)[0], places(run.masses)[inner + 1]];
    const n = onsets.runs.length;
    for (const [from, to, mass] of ends) {
      const wide = (to - from) / n;
      picture.append(svg("rect", { class: `onset-end run-${i % 6}`, x: from + i * wide, y: y(mass), width: wide - 2, height: y(0) - y(mass) }));
    }
  });
  const legend = h("ul", { class: "legend" },
    onsets.runs.map((run, i) => run && h("li", {}, h("span", { class: `swatch run-${i % 6}` }), `${names[i]}: ${run.replies} replies of ${run.n} clips`)),
    onsets.human && h("li", {}, h("span", { class: "swatch people" }), onsets.people));
  return h("figure", { class: "chart" }, h("figcaption", {}, "When replies begin"), picture, legend);
}
