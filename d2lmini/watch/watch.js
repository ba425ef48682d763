// A scene that moves. `watch(figure, scene, look)` puts it in the place of the drawings in `figure`.
// What a scene is stands in scene.py; a panel is drawn here as picture.py draws it.

const SVG = "http://www.w3.org/2000/svg";

function element(name, attributes, parent) {
  const made = parent?.namespaceURI === SVG || name === "svg"
    ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value;
    else made.setAttribute(key, value);
  }
  parent?.append(made);
  return made;
}

function toNumber(text) {
  return text === "" ? NaN : Number(text.replace("−", "-").replace("∞", "Infinity"));
}

// Grey from 0 to the largest value, or blue below zero and red above it.
function colour(text, [largest, signed], look) {
  const value = toNumber(text);
  if (!Number.isFinite(value)) return "none";
  const part = largest ? value / largest : 0;
  return signed ? look.signed[Math.floor(3 * part + 3.5)] : look.greys[Math.floor(6 * part + 0.5)];
}

function isPadding(panel, cell) {
  const [height, width] = [panel.rows.length, panel.rows[0].length];
  const [row, column] = [Math.floor(cell / width), cell % width];
  const [down, across] = panel.padding;
  return row < down || row >= height - down || column < across || column >= width - across;
}

// The empty drawing of a panel, and `show(texts, lit, picked)`, which fills it.
function drawPanel(panel, look, parent) {
  const [rows, columns] = [panel.rows.length, panel.rows[0].length];
  const width = Math.max(columns * look.cell + 2, Math.floor(panel.name.length * look.letter) + 2);
  const height = rows * look.cell + look.head + 2;
  const svg = element("svg", { role: "img", width, height, viewBox: `0 0 ${width} ${height}` }, parent);
  element("text", { class: "name", x: 2, y: 15, text: panel.name }, svg);
  const side = look.cell;
  const cells = panel.rows.flat().map((_, cell) => {
    const x = (cell % columns) * side + 1;
    const y = Math.floor(cell / columns) * side + look.head + 1;
    const rect = element("rect", { x, y, width: side, height: side }, svg);
    if (panel.crossed.includes(cell)) {
      element("path", { class: "cross", d: `M${x} ${y}l${side} ${side}m0 ${-side}l${-side} ${side}` }, svg);
    }
    return { rect, text: element("text", { x: x + side / 2, y: y + 22 }, svg) };
  });
  const frames = cells.map(({ rect }) => {
    const [x, y] = [Number(rect.getAttribute("x")) + 2, Number(rect.getAttribute("y")) + 2];
    return element("rect", { x, y, width: side - 4, height: side - 4, stroke: look.frame }, svg);
  });
  function show(texts, lit, picked) {
    cells.forEach(({ rect, text }, cell) => {
      const said = texts[cell];
      const bare = said === "" || isPadding(panel, cell);
      rect.setAttribute("fill", bare ? "none" : colour(said, panel.scale, look));
      rect.setAttribute("class", bare ? "bare" : "cell");
      text.setAttribute("class", bare ? "bare" : "value");
      text.setAttribute("font-size", said.length > 4 ? 11 : 14);
      text.textContent = said;
      const frame = picked.includes(cell) ? "picked" : lit.includes(cell) ? "lit" : "none";
      frames[cell].setAttribute("class", frame);
    });
    const spoken = panel.rows.map((_, row) => texts.slice(row * columns, (row + 1) * columns).join(" "));
    svg.setAttribute("aria-label", `${panel.name}: ${spoken.join("; ")}`);
  }
  return show;
}

// What the cells of each panel say after a step.
function textsAt(scene, step) {
  const texts = scene.panels.map((panel) => panel.rows.flat());
  for (const past of scene.steps.slice(0, step + 1)) {
    for (const [panel, written] of Object.entries(past.write)) {
      for (const [cell, text] of Object.entries(written)) texts[panel][cell] = text;
    }
  }
  return texts;
}

// oxlint-disable-next-line no-unused-vars -- page.py calls it
function watch(figure, scene, look) {
  const last = scene.steps.length - 1;
  let step = 0;
  let timer = 0;
  figure.stop?.(); // another scene may be playing here
  const until = new AbortController();
  figure.stop = () => {
    clearInterval(timer);
    until.abort();
  };
  figure.querySelector(".panels").replaceChildren();
  figure.querySelector(".controls")?.remove();
  const panels = scene.panels.map((panel) => drawPanel(panel, look, figure.querySelector(".panels")));
  const sentence = figure.querySelector("figcaption");
  const controls = element("div", { class: "controls" });
  sentence.before(controls);
  const back = element("button", { type: "button", text: "Back" }, controls);
  const play = element("button", { type: "button", class: "play", text: "Play" }, controls);
  const next = element("button", { type: "button", text: "Next" }, controls);
  const slider = element("input", { type: "range", min: 0, max: last, "aria-label": "step" }, controls);
  const count = element("span", { class: "count" }, controls);
  back.addEventListener("click", () => halt(step - 1));
  next.addEventListener("click", () => halt(step + 1));
  slider.addEventListener("input", () => halt(Number(slider.value)));
  play.addEventListener("click", () => (timer ? halt(step) : run()));
  controls.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    halt(step + by);
  });

  function show(wanted) {
    step = Math.min(Math.max(wanted, 0), last);
    const { say, lit, picked } = scene.steps[step];
    textsAt(scene, step).forEach((texts, i) => panels[i](texts, lit[i] ?? [], picked[i] ?? []));
    slider.value = step;
    slider.setAttribute("aria-valuetext", `${step + 1} of ${last + 1}`);
    count.textContent = `step ${step + 1} of ${last + 1}`;
    sentence.textContent = say;
    back.disabled = step === 0;
    next.disabled = step === last;
  }
  function halt(wanted) {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
    sentence.setAttribute("aria-live", "polite"); // read out, but not while it plays
    show(wanted);
  }
  function run() {
    sentence.setAttribute("aria-live", "off");
    play.textContent = "Stop";
    if (step === last) show(0);
    timer = setInterval(() => {
      if (step + 1 < last) show(step + 1);
      else halt(last);
    }, 1000);
  }

  if (last === 0) controls.hidden = true;
  halt(0);
  window.addEventListener("beforeprint", () => halt(last), { signal: until.signal });
}
