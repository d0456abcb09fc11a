"use strict";
// The search space: an architecture is seven block states; states, choices, index and text as in anb_gym.space.
window.explorer = window.explorer || {};

explorer.space = (() => {
  const CHOICES = ["e", "k", "l", "se"];
  const NAMES = ["expansion", "kernel", "layers", "squeeze-excitation"];
  const STRIDES = [1, 2, 2, 2, 1, 2, 1];
  const CHANNELS = [32, 16, 24, 40, 80, 112, 192, 320];
  const RESOLUTION = 224;
  const N = 7;
  /** Options of each block's four choices, as numbers; squeeze-excitation is 0 or 1. */
  let options = [];
  let sizes = [];

  function set(given) {
    options = given.map((block) => block.map((choice) => choice.map(Number)));
    sizes = options.map((block) => block.reduce((n, choice) => n * choice.length, 1));
  }

  /** The four positions of a block's state; squeeze-excitation runs fastest. */
  function positions(block, state) {
    const found = [0, 0, 0, 0];
    for (let i = 3; i >= 0; i--) {
      const n = options[block][i].length;
      found[i] = state % n;
      state = Math.floor(state / n);
    }
    return found;
  }

  function state(block, four) {
    return four.reduce((s, position, i) => s * options[block][i].length + position, 0);
  }

  /** The values of a block's state: {e, k, l, se}. */
  function values(block, s) {
    const four = positions(block, s);
    return Object.fromEntries(CHOICES.map((name, i) => [name, options[block][i][four[i]]]));
  }

  const choices = (states) => states.flatMap((s, block) => positions(block, s));

  function fromChoices(list) {
    return sizes.map((_, block) => state(block, list.slice(4 * block, 4 * block + 4)));
  }

  /** Which of the four actions are valid at a step, as info["action_mask"]. */
  function mask(step) {
    const n = options[Math.floor(step / 4)][step % 4].length;
    return [0, 1, 2, 3].map((action) => (action < n ? 1 : 0));
  }

  const index = (states) => states.reduce((i, s, block) => i * sizes[block] + s, 0);

  function fromIndex(i) {
    const states = new Array(N);
    for (let block = N - 1; block >= 0; block--) {
      states[block] = i % sizes[block];
      i = Math.floor(i / sizes[block]);
    }
    return states;
  }

  function text(states) {
    return states
      .map((s, block) => {
        const v = values(block, s);
        return `e${v.e}k${v.k}l${v.l}s${v.se}`;
      })
      .join("-");
  }

  /** Block states of a text or an index; throws an Error that says what is wrong. */
  function parse(given) {
    const size = sizes.reduce((n, s) => n * s, 1);
    if (/^\s*[0-9]{1,12}\s*$/.test(given) && Number(given) < size) {
      return fromIndex(Number(given));
    }
    const matches = given.trim().split("-").map((part) => /^e(\d{1,9})k(\d{1,9})l(\d{1,9})s([01])$/.exec(part));
    if (matches.length !== N || matches.includes(null)) {
      throw new Error("it must be 7 blocks such as e6k3l2s1 joined by '-'");
    }
    return matches.map((match, block) =>
      state(
        block,
        CHOICES.map((name, i) => {
          const position = options[block][i].indexOf(Number(match[i + 1]));
          if (position < 0) {
            throw new Error(`block ${block}'s ${NAMES[i]} must be one of ${options[block][i].join(", ")}, got ${match[i + 1]}`);
          }
          return position;
        }),
      ),
    );
  }

  /** All architectures that differ in one choice: [{states, block, choice, from, to}], as SPACE.neighbours. */
  function neighbours(states) {
    const found = [];
    states.forEach((s, block) => {
      const four = positions(block, s);
      options[block].forEach((list, choice) => {
        list.forEach((value, position) => {
          if (position === four[choice]) return;
          const changed = four.slice();
          changed[choice] = position;
          const other = states.slice();
          other[block] = state(block, changed);
          found.push({ states: other, block, choice, from: list[four[choice]], to: value });
        });
      });
    });
    return found;
  }

  const random = () => sizes.map((n) => Math.floor(Math.random() * n));

  /** Side of a block's output in pixels; -1 is the stem. */
  const side = (block) => RESOLUTION / 2 / STRIDES.slice(0, block + 1).reduce((a, b) => a * b, 1);

  /** A choice's option in words. */
  function shown(choice, value) {
    if (choice === 3) return value ? "on" : "off";
    return choice === 1 ? `${value}×${value}` : choice === 0 ? `×${value}` : String(value);
  }

  return {
    set, positions, state, values, choices, fromChoices, mask, index, fromIndex, text, parse, neighbours, random, side,
    shown, N, CHOICES, NAMES, STRIDES, CHANNELS,
    get options() { return options; },
    get sizes() { return sizes; },
  };
})();
