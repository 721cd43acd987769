// The recordings of one call: a native player for each side, and both together, held at one time.

const MOST_DRIFT_S = 0.05;

function playerOf(call, moved) {
  const sounds = call.lanes.filter((lane) => lane.audio).map((lane) => {
    const element = h("audio", { controls: true, preload: "metadata", src: soundOf(lane.audio), "aria-label": lane.name, "data-lane": lane.name });
    return { lane, element };
  });
  const sides = sounds.filter(({ lane }) => lane.role !== "other");
  let together = false;
  let now = 0;
  const timeOf = ({ lane, element }) => element.currentTime + lane.start;
  const playing = () => sounds.filter(({ element }) => !element.paused && !element.ended);
  const seek = (time) => {
    now = time;
    for (const { lane, element } of sounds) {
      const length = Number.isFinite(element.duration) ? element.duration : lane.end - lane.start;
      element.currentTime = Math.min(Math.max(0, time - lane.start), Math.max(0, length - 0.01));
    }
    moved(now);
  };
  const frame = () => {
    const running = playing();
    if (!running.length) {
      together = false;
      shown();
      return;
    }
    now = timeOf(running[0]);
    if (together) for (const other of running.slice(1)) {
      if (Math.abs(timeOf(other) - now) > MOST_DRIFT_S) other.element.currentTime = Math.max(0, now - other.lane.start);
    }
    moved(now);
    requestAnimationFrame(frame);
  };
  const button = h("button", { type: "button", class: "play", onclick: () => toggle() });
  const shown = () => {
    button.textContent = playing().length ? "Pause" : sides.length > 1 ? "Play both" : "Play";
  };
  for (const { element } of sounds) {
    element.addEventListener("play", () => {
      if (!together) for (const other of sounds) if (other.element !== element) other.element.pause();
      shown();
      requestAnimationFrame(frame);
    });
    element.addEventListener("pause", shown);
    element.addEventListener("seeked", () => { if (element.paused && !playing().length) moved(timeOf({ element, lane: sounds.find((s) => s.element === element).lane })); });
  }
  const toggle = () => {
    if (playing().length) {
      for (const { element } of sounds) element.pause();
      return;
    }
    const ends = Math.max(...sides.map(({ lane }) => lane.end));
    if (now >= ends - 0.05) now = 0;
    seek(now);
    together = true;
    for (const { element } of sides) element.play().catch(() => {});
  };
  shown();
  const each = sounds.map(({ lane, element }) => h("label", { class: `sound role-${lane.role}` }, h("span", {}, lane.name), element));
  const stop = () => {
    for (const { element } of sounds) {
      element.pause();
      if (element.src.startsWith("blob:")) URL.revokeObjectURL(element.src);
    }
  };
  const panel = sounds.length
    ? h("div", { class: "players" }, button, each)
    : h("p", { class: "quiet" }, "This page comes without recordings of this call.");
  return { panel, seek, toggle, stop, hasSound: sounds.length > 0 };
}
