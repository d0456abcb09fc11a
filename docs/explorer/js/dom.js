"use strict";
// Elements and numbers as text.

explorer.dom = (() => {
  const SVG = "http://www.w3.org/2000/svg";

  function fill(element, properties, children) {
    for (const [name, value] of Object.entries(properties || {})) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
    return element;
  }

  /** An element: h("p", {class: "note"}, "text"); properties that begin with "on" are listeners. */
  const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);
  const s = (tag, properties, ...children) => fill(document.createElementNS(SVG, tag), properties, children);

  const formats = {};
  function fixed(value, digits) {
    formats[digits] = formats[digits] || new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    return formats[digits].format(value);
  }

  /** A metric's value with as many digits as say something. */
  function number(metric, value) {
    if (metric.kind === "accuracy") return fixed(value, 2);
    const size = Math.abs(value);
    return fixed(value, size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3);
  }

  function deviation(value) {
    return Number(value.toPrecision(2)).toLocaleString("en", { maximumFractionDigits: 6 });
  }

  const named = (metric) => (metric.kind === "accuracy" ? "Accuracy" : `${metric.label} ${metric.kind}`);
  const signed = (text, value) => (value > 0 ? `+${text}` : text.replace("-", "−"));

  /** A group of radio buttons that looks like one control; set(value) chooses without calling back. */
  function segmented(label, options, chosen, change) {
    const name = `segment-${segmented.count++}`;
    const inputs = options.map(({ value }) =>
      h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => change(value) }));
    const element = h("fieldset", { class: "segmented" },
      h("legend", { class: "hidden-text" }, label),
      options.map(({ text, title }, i) => h("label", { title }, inputs[i], h("span", {}, text))));
    element.set = (value) => inputs.forEach((input, i) => { input.checked = options[i].value === value; });
    return element;
  }
  segmented.count = 0;

  /** Copies a text and says so on the button. */
  function copyButton(text, getText) {
    const button = h("button", {
      type: "button", class: "quiet",
      async onclick() {
        let said = "Copied";
        try {
          await navigator.clipboard.writeText(getText());
        } catch { // pages from disk may not
          const area = h("textarea", { class: "hidden-text" }, getText());
          document.body.append(area);
          area.select();
          if (!document.execCommand("copy")) said = "Not copied: the browser refuses";
          area.remove();
        }
        button.textContent = said;
        say(said);
        setTimeout(() => { button.textContent = text; }, 1500);
      },
    }, text);
    return button;
  }

  /** Tells screen readers. */
  function say(text) {
    document.getElementById("status").textContent = text;
  }

  /** What marks mean: pairs of a mark's class, or none, and a text. */
  const legend = (items) => h("p", { class: "legend" }, items.map(([key, text]) => h("span", {}, key && h("span", { class: `key ${key}` }), text)));

  function metricPicker(chosen, change, filter = () => true) {
    const tasks = Object.values(explorer.data.tasks).filter(filter);
    const select = h("select", { onchange: () => change(select.value) },
      tasks.map((task) => h("option", { value: task.name, selected: task.name === chosen }, named(task.metric))));
    return h("label", { class: "picker" }, h("span", {}, "Device metric"), select);
  }

  return { h, s, fixed, number, deviation, named, signed, segmented, copyButton, say, legend, metricPicker };
})();
