// Where and when the model looked: reads the weights of an answer, and draws them.

/** Returns the names of the weights that are about cells, and so can be maps. */
export function maps(attention) {
  return Object.keys(attention).filter((name) => attention[name].axes.includes("cell"));
}

/** Returns the spans of steps and a word's weights of them, or null. */
export function stepsOf(attention, word) {
  for (const entry of Object.values(attention)) {
    if (entry.axes.join() === "word,step") {
      return { spans: entry.spans, weights: entry.weights[word] ?? [] };
    }
  }
  for (const entry of Object.values(attention)) {
    if (entry.axes.join() === "word,step,cell") {
      const weights = (entry.weights[word] ?? []).map((cells) => sum(cells));
      return { spans: entry.spans, weights };
    }
  }
  return null;
}

/** Returns the strongest step of a word, or null where no step is the strongest. */
export function strongest(steps) {
  if (!steps || !steps.weights.length) return null;
  const most = Math.max(...steps.weights);
  if (!(most > 0) || most - Math.min(...steps.weights) < 1e-6) return null;
  return steps.weights.indexOf(most);
}

/** Returns the weights of a map's cells for a word at a second of the clip, or null. */
export function cellsAt(entry, word, second) {
  let values = entry.weights;
  if (entry.axes.includes("word")) values = values[word];
  let step = 0;
  if (entry.axes.includes("step")) {
    step = stepAt(entry.spans, second);
    if (step === null || !values) return null;
    values = values[step];
  }
  return values ? { values, boxes: entry.boxes?.[step] ?? entry.boxes?.[0] } : null;
}

/** Returns the step in whose span a second lies, or the nearest one. */
export function stepAt(spans, second) {
  let nearest = null;
  let best = Infinity;
  spans.forEach(([begin, end], index) => {
    const away = second < begin ? begin - second : Math.max(0, second - end);
    if (away < best) [nearest, best] = [index, away];
  });
  return nearest;
}

/** Draws a map over a frame: the largest weight is brightest, none is clear. */
export function draw(context, width, height, entry, cells) {
  const { values, boxes } = cells;
  const largest = Math.max(...values, 1e-9);
  const colour = (value) => [255, 190 * (value / largest), 0, 190 * (value / largest)];
  if (boxes) {
    values.forEach((value, index) => {
      const [top, left, bottom, right] = boxes[index] ?? [0, 0, 0, 0];
      const [red, green, blue, alpha] = colour(value);
      context.fillStyle = `rgba(${red}, ${green}, ${blue}, ${alpha / 255})`;
      context.fillRect(left * width, top * height, (right - left) * width, (bottom - top) * height);
    });
    return;
  }
  const { rows, columns, seen, covered } = entry.grid;
  const small = new OffscreenCanvas(columns, rows);
  const pixels = new ImageData(columns, rows);
  values.forEach((value, index) => pixels.data.set(colour(value), 4 * index));
  small.getContext("2d").putImageData(pixels, 0, 0);
  const [top, left, bottom, right] = seen;
  context.save();
  context.beginPath();
  context.rect(left * width, top * height, (right - left) * width, (bottom - top) * height);
  context.clip();
  context.imageSmoothingEnabled = true;
  context.drawImage(
    small, left * width, top * height,
    ((right - left) * width) / covered[1], ((bottom - top) * height) / covered[0],
  );
  context.restore();
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
