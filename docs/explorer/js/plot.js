"use strict";
// Accuracy against a device metric: the exact front, networks, and a point to click at.

explorer.plot = (() => {
  const { h, s, number, named } = explorer.dom;
  const MARGIN = { top: 18, right: 18, bottom: 46, left: 52 };
  const CLOUD = 300;
  const clouds = new Map();

  /** Accuracy and metric of random networks, the same for every visit. */
  function cloud(task) {
    if (!clouds.has(task.name)) {
      let seed = 1;
      const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
      clouds.set(task.name, Array.from({ length: CLOUD }, () => task.point(explorer.space.sizes.map((n) => Math.floor(random() * n)))));
    }
    return clouds.get(task.name);
  }

  function ticks(low, high) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const digit of [1, 2, 5]) {
        const value = digit * 10 ** power;
        if (value >= low && value <= high) found.push(value);
      }
    }
    return found;
  }

  /**
   * An element with draw({task, metric, front, points, bars, cloud}): points have accuracy, metric, kind, label and
   * perhaps accuracyStd and metricStd. pick(point) is called for what is clicked.
   */
  function make({ pick, label, step }) {
    const canvas = s("svg", { class: "plot", role: "img", "aria-label": label });
    const tip = h("div", { class: "tip", hidden: true });
    const element = h("div", { class: "plot-box", ...(step ? { tabindex: 0, role: "group", "aria-label": `${label}. Arrow keys walk along the front.` } : {}) }, canvas, tip);
    let last = null;
    let targets = [];

    function draw(content) {
      last = content;
      const width = Math.max(280, element.clientWidth || 640);
      const height = Math.round(Math.min(460, Math.max(300, width * 0.62)));
      canvas.setAttribute("viewBox", `0 0 ${width} ${height}`);
      canvas.setAttribute("height", height);
      const { metric, front, points, bound } = content;
      const scattered = content.cloud || [];
      const all = [...front, ...points, ...(content.truth || [])];
      const xs = [...all.map((p) => p.metric), ...scattered.map((p) => p.metric)].map(Math.log);
      const ys = all.map((p) => p.accuracy);
      const [x0, x1] = [Math.min(...xs) - 0.06, Math.max(...xs) + 0.06];
      const lowest = Math.max(Math.min(...ys), content.floor ?? -Infinity);
      const [y0, y1] = [Math.min(lowest, ...points.map((p) => p.accuracy)) - 0.8, Math.max(...ys) + 0.8];
      const x = (value) => MARGIN.left + ((Math.log(value) - x0) / (x1 - x0)) * (width - MARGIN.left - MARGIN.right);
      const y = (value) => height - MARGIN.bottom - ((value - y0) / (y1 - y0)) * (height - MARGIN.top - MARGIN.bottom);
      const parts = [];
      let lastTick = -Infinity;
      for (const value of ticks(Math.exp(x0), Math.exp(x1))) {
        if (x(value) - lastTick < 44) continue;
        lastTick = x(value);
        parts.push(s("path", { class: "grid", d: `M${x(value)} ${MARGIN.top}V${height - MARGIN.bottom}` }));
        parts.push(s("text", { class: "tick", x: x(value), y: height - MARGIN.bottom + 17, "text-anchor": "middle" }, value.toLocaleString("en")));
      }
      const span = y1 - y0 > 18 ? 5 : y1 - y0 > 6 ? 2 : 1;
      for (let value = Math.ceil(y0 / span) * span; value <= y1; value += span) {
        parts.push(s("path", { class: "grid", d: `M${MARGIN.left} ${y(value)}H${width - MARGIN.right}` }));
        parts.push(s("text", { class: "tick", x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, `${value}`));
      }
      const arrow = metric.larger ? `${metric.unit} → better` : `better ← ${metric.unit}`;
      parts.push(s("text", { class: "axis", x: width - MARGIN.right, y: height - 10, "text-anchor": "end" }, `${named(metric)}, ${arrow}`));
      parts.push(s("text", { class: "axis", x: MARGIN.left - 40, y: 12 }, "Accuracy, %"));
      if (bound) {
        const from = metric.larger ? MARGIN.left : Math.min(x(bound), width - MARGIN.right);
        const to = metric.larger ? Math.max(MARGIN.left, x(bound)) : width - MARGIN.right;
        parts.push(s("rect", { class: "excluded", x: from, y: MARGIN.top, width: Math.max(0, to - from), height: height - MARGIN.top - MARGIN.bottom }));
      }
      parts.push(...scattered.filter((p) => p.accuracy > y0).map((p) => s("circle", { class: "cloud", cx: x(p.metric), cy: y(p.accuracy), r: 2 })));
      const line = (members, name) => {
        const sorted = members.slice().sort((p, q) => p.metric - q.metric);
        const corner = (p, i) => (i === 0 ? `M${x(p.metric)} ${y(p.accuracy)}` : metric.larger ? `V${y(p.accuracy)}H${x(p.metric)}` : `H${x(p.metric)}V${y(p.accuracy)}`);
        const path = metric.larger
          ? sorted.map((p, i) => (i === 0 ? `M${x(p.metric)} ${y(p.accuracy)}` : `V${y(p.accuracy)}H${x(p.metric)}`))
          : sorted.map(corner);
        return s("path", { class: name, d: path.join("") });
      };
      const inside = s("g", { "clip-path": "url(#plot-area)" });
      inside.append(line(front, "front-line"));
      if (content.truth) inside.append(line(content.truth, "truth-line"));
      inside.append(...front.map((p) => s("circle", { class: p.outside ? "front outside" : "front", cx: x(p.metric), cy: y(p.accuracy), r: 2.6 })));
      parts.push(s("clipPath", { id: "plot-area" }, s("rect", { x: MARGIN.left, y: MARGIN.top - 6, width: width - MARGIN.left - MARGIN.right + 6, height: height - MARGIN.top - MARGIN.bottom + 6 })), inside);
      for (const p of points) {
        const [cx, cy] = [x(p.metric), y(p.accuracy)];
        if (p.metricStd) parts.push(s("path", { class: `bar ${p.kind}`, d: `M${x(Math.max(p.metric - p.metricStd, Math.exp(x0)))} ${cy}H${x(p.metric + p.metricStd)}` }));
        if (p.accuracyStd) parts.push(s("path", { class: `bar ${p.kind}`, d: `M${cx} ${y(p.accuracy - p.accuracyStd)}V${y(p.accuracy + p.accuracyStd)}` }));
        const marks = {
          optimum: () => s("circle", { class: "mark optimum", cx, cy, r: 9 }),
          compare: () => s("path", { class: "mark compare", d: `M${cx} ${cy - 7}L${cx + 7} ${cy}L${cx} ${cy + 7}L${cx - 7} ${cy}Z` }),
          own: () => s("circle", { class: "mark own", cx, cy, r: 6.5 }),
        };
        parts.push(marks[p.kind]());
      }
      canvas.replaceChildren(...parts);
      targets = [...points, ...front, ...scattered].filter((p) => p.states).map((p) => ({ p, x: x(p.metric), y: y(p.accuracy) }));
    }

    function nearest(event) {
      const box = canvas.getBoundingClientRect();
      const scale = canvas.viewBox.baseVal.width / box.width;
      const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      let best = null;
      for (const target of targets) {
        const distance = Math.hypot(target.x - px, target.y - py);
        if (distance < 26 && (!best || distance < best.distance)) best = { ...target, distance, scale };
      }
      return best;
    }

    canvas.addEventListener("pointermove", (event) => {
      const found = nearest(event);
      canvas.classList.toggle("over", Boolean(found));
      tip.hidden = !found;
      if (!found) return;
      const { p } = found;
      tip.textContent = `${p.label ? `${p.label}: ` : ""}${p.accuracy.toFixed(2)} %, ${number(last.metric, p.metric)} ${last.metric.unit}${p.outside ? " (beyond what was measured)" : ""}`;
      tip.style.left = `${Math.min(Math.max(found.x / found.scale, 90), element.clientWidth - 90)}px`;
      tip.style.top = `${found.y / found.scale - 14}px`;
    });
    canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
    canvas.addEventListener("click", (event) => {
      const found = nearest(event);
      if (found && pick) pick(found.p);
    });
    if (step) {
      element.addEventListener("keydown", (event) => {
        const direction = { ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1 }[event.key];
        if (direction && event.target === element) {
          event.preventDefault();
          step(event.key === "ArrowUp" || event.key === "ArrowDown" ? { accuracy: direction < 0 ? 1 : -1 } : { metric: direction });
        }
      });
    }
    element.draw = draw;
    new ResizeObserver(() => last && draw(last)).observe(element);
    return element;
  }

  /** A task's front, with whether a member lies beyond what was measured. */
  const members = (task) => task.front().map((p) => ({ ...p, outside: !task.measured(p), label: "exact front" }));

  return { make, cloud, members };
})();
