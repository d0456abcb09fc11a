"use strict";
// The network drawn: every layer an inverted bottleneck, as high as it has channels.

explorer.network = (() => {
  const { s } = explorer.dom;
  const { CHANNELS, STRIDES } = explorer.space;
  const [WIDTH, HEIGHT, MIDDLE] = [132, 96, 50];

  /** Half the height of so many channels, on a logarithmic scale. */
  const half = (channels) => 3 + 33 * (Math.log2(channels / 16) / Math.log2(1152 / 16));

  /** One layer between x and x + width. */
  function layer(x, width, inputs, outputs, v, stride) {
    const expanded = inputs * v.e;
    const [a, m, b] = [half(inputs), half(Math.max(16, expanded)), half(outputs)];
    const slope = width * (v.k === 5 ? 0.22 : 0.3);
    const [x1, x2, x3] = [x + slope, x + width - slope, x + width];
    const outline = `M${x} ${MIDDLE - a}L${x1} ${MIDDLE - m}H${x2}L${x3} ${MIDDLE - b}V${MIDDLE + b}L${x2} ${MIDDLE + m}H${x1}L${x} ${MIDDLE + a}Z`;
    const middle = (x1 + x2) / 2;
    const residual = stride === 1 && inputs === outputs;
    const top = MIDDLE - (Math.max(a, m) + 8) / 0.75; // a cubic curve reaches three quarters of its control points
    return [
      residual && s("path", { class: "residual", d: `M${x} ${MIDDLE}C${x} ${top} ${x3} ${top} ${x3} ${MIDDLE}` }),
      s("path", { class: `layer k${v.k}`, d: outline }),
      s("path", { class: "depthwise", d: `M${x1} ${MIDDLE - m}H${x2}V${MIDDLE + m}H${x1}Z` }),
      Boolean(v.s) && s("circle", { class: "se", cx: middle, cy: MIDDLE + m + 1, r: 3.6 }),
    ];
  }

  /** A block drawn; options that are still open (null) make it a sketch. */
  function block(number, given) {
    const open = Object.values(given).some((value) => value === null);
    const v = { e: given.e ?? 4, k: given.k ?? 3, l: given.l ?? 1, s: given.se ?? 0 };
    const gap = 3;
    const inner = WIDTH - 16;
    const width = Math.min(38, (inner - gap * (v.l - 1)) / v.l);
    const start = (WIDTH - (width * v.l + gap * (v.l - 1))) / 2;
    const parts = [s("path", { class: "wire", d: `M0 ${MIDDLE}H${WIDTH}` })];
    for (let i = 0; i < v.l; i++) {
      const first = i === 0;
      const inputs = CHANNELS[first ? number : number + 1];
      parts.push(...layer(start + i * (width + gap), width, inputs, CHANNELS[number + 1], v, first ? STRIDES[number] : 1));
    }
    return s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: open ? "drawing open" : "drawing", "aria-hidden": "true" }, parts);
  }

  return { block };
})();
