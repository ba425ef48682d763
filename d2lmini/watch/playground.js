// Settings to try. `playground(figure, start, look)` puts the controls into `figure` and computes, with
// nothing but what stands here, what the scene is for every setting.

/* global element, toNumber, watch */

const LIMITS = { n: [1, 10], k: [1, 5], p: [0, 4], s: [1, 4], d: [1, 3] };
const MEANING = { n: "pixels", k: "kernel", p: "padding", s: "stride", d: "dilation" };

function toText(value) {
  return String(Math.round(value * 1000) / 1000 + 0).replace("-", "−");
}

function inBrackets(value) {
  return value < 0 ? `(${toText(value)})` : toText(value);
}

// The size along one axis, as a formula with its numbers; without `size` where the window doesn't fit.
function outputSize({ n, k, p, s, d }) {
  const reach = d * (k - 1) + 1;
  if (reach > n + 2 * p) {
    return {
      reason: `No output: the kernel reaches over ${reach} pixels, d(k − 1) + 1 = ${d}·(${k} − 1) + 1, `
        + `but the padded input has only ${n + 2 * p}, n + 2p = ${n} + 2·${p}.`,
    };
  }
  const free = n + 2 * p - reach;
  const size = Math.floor(free / s) + 1;
  return {
    size,
    formula: `⌊(n + 2p − d(k − 1) − 1) / s⌋ + 1 = ⌊(${n} + 2·${p} − ${d}·(${k} − 1) − 1) / ${s}⌋ + 1 `
      + `= ⌊${free} / ${s}⌋ + 1 = ${size}`,
  };
}

// Cross-correlation of the padded picture (rows of numbers) with the kernel: a scene as in scene.py.
function correlation(picture, kernel, { n, k, p, s, d }, size) {
  const width = n + 2 * p;
  const inside = (at) => at >= p && at < n + p;
  const padded = Array.from({ length: width * width }, (_, cell) => {
    const [row, column] = [Math.floor(cell / width), cell % width];
    return inside(row) && inside(column) ? picture[row - p][column - p] : 0;
  });
  const weights = kernel.flat();
  const read = new Set();
  const results = [];
  const steps = [];
  for (let place = 0; place < size * size; place += 1) {
    const [top, left] = [Math.floor(place / size) * s, (place % size) * s];
    const window = weights.map((_, w) => (top + d * Math.floor(w / k)) * width + left + d * (w % k));
    const products = window.map((cell, w) => padded[cell] * weights[w]);
    const result = products.reduce((sum, product) => sum + product, 0);
    const terms = window.map((cell, w) => `${toText(padded[cell])}·${inBrackets(weights[w])}`);
    window.forEach((cell) => read.add(cell));
    results.push(result);
    steps.push({
      say: `Window at row ${top}, column ${left}: ${terms.join(" + ")} = ${toText(result)}`,
      lit: { 0: window, 1: [...weights.keys()], 3: [place] },
      picked: {},
      write: { 2: products.map(toText), 3: { [place]: toText(result) } },
    });
  }
  const rows = (values, columns, make = toText) => Array.from(
    { length: values.length / columns }, (_, i) => values.slice(i * columns, (i + 1) * columns).map(make),
  );
  const unread = [...padded.keys()].filter(
    (cell) => !read.has(cell) && inside(Math.floor(cell / width)) && inside(cell % width),
  );
  const products = steps.flatMap((step) => step.write[2].map(toNumber));
  const scale = (values) => [Math.max(...values.map(Math.abs)), Math.min(...values) < 0];
  const blank = () => "";
  const panel = (name, shown, values, padding = 0, crossed = []) => (
    { name, rows: shown, padding: [padding, padding], crossed, scale: scale(values) }
  );
  const panels = [
    panel("input", rows(padded, width), padded, p, unread),
    panel("kernel", rows(weights, k), weights),
    panel("products", rows(weights, k, blank), products),
    panel("output", rows(results, size, blank), results),
  ];
  return { scene: { panels, steps }, unread };
}

// oxlint-disable-next-line no-unused-vars -- page.py calls it
function playground(figure, start, look) {
  const settings = { ...start.settings };
  const kernel = start.kernel.map((row) => [...row]);
  const controls = element("div", { class: "settings" });
  const weights = element("div", { class: "weights", role: "group", "aria-label": "the kernel's values" });
  const sizes = element("p", { class: "sizes", "aria-live": "polite" });
  const heading = element("span", { class: "heading", text: "the kernel's values:" });
  figure.prepend(controls, heading, weights, sizes);
  for (const [name, [min, max]] of Object.entries(LIMITS)) {
    const label = element("label", {}, controls);
    element("span", { text: `${name} (${MEANING[name]})` }, label);
    const input = element("input", { type: "number", name, min, max, value: settings[name] }, label);
    input.addEventListener("input", () => {
      const value = Number(input.value);
      if (!Number.isInteger(value) || value < min || value > max || input.value === "") {
        refuse(`${name} (${MEANING[name]}) must be an integer from ${min} to ${max} here.`);
        return;
      }
      settings[name] = value;
      if (name === "k") drawWeights();
      update();
    });
  }

  function drawWeights() {
    weights.replaceChildren();
    weights.style.gridTemplateColumns = `repeat(${settings.k}, auto)`;
    for (let row = 0; row < settings.k; row += 1) {
      for (let column = 0; column < settings.k; column += 1) {
        const name = `weight in row ${row}, column ${column}`;
        const value = kernel[row][column];
        const input = element("input", { type: "number", value, step: "any", "aria-label": name }, weights);
        input.addEventListener("input", () => {
          if (input.value === "" || !Number.isFinite(Number(input.value))) {
            refuse(`The ${name} must be a number.`);
            return;
          }
          kernel[row][column] = Number(input.value);
          update();
        });
      }
    }
  }

  function refuse(reason) {
    figure.stop?.();
    sizes.textContent = reason;
    sizes.className = "reason";
    figure.querySelector(".panels").hidden = true;
    figure.querySelector(".controls")?.remove();
    figure.querySelector("figcaption").textContent = "";
  }

  function update() {
    const { n, k } = settings;
    const { size, formula, reason } = outputSize(settings);
    if (reason) {
      refuse(reason);
      return;
    }
    const picture = start.picture.slice(0, n).map((row) => row.slice(0, n));
    const used = kernel.slice(0, k).map((row) => row.slice(0, k));
    const { scene, unread } = correlation(picture, used, settings, size);
    const skipped = unread.length ? ` ${unread.length} of ${n * n} pixels are never read (crossed out).` : "";
    sizes.textContent = `${formula}.${skipped}`;
    sizes.className = "sizes";
    figure.querySelector(".panels").hidden = false;
    watch(figure, scene, look);
  }

  drawWeights();
  update();
}
