"use strict";
// Tasks: exact fronts, what rewards are worth, certified optima, and the policies that ship.

explorer.tasks = (() => {
  const SLACK = 1e-7; // of float32: a member meets the bound that is its own metric

  /** A device metric's task; `accuracy` and `metric` are metrics of explorer.surrogates. */
  function task(header, read, accuracy, metric) {
    const space = explorer.space;
    const sign = metric.larger ? 1 : -1;
    const means = read(header.means);
    let members = null;

    const point = (states) => ({ states, accuracy: accuracy.value(states), metric: metric.value(states) });

    /** The exact front, best accuracy first. */
    function front() {
      if (!members) {
        const [indices, accuracies, metrics] = ["indices", "accuracy", "metric"].map((name) => read(header.front[name]));
        members = Array.from(indices, (index, i) => ({ states: space.fromIndex(index), accuracy: accuracies[i], metric: metrics[i] }));
      }
      return members;
    }

    const measured = (p) =>
      p.accuracy >= accuracy.measured[0] && p.accuracy <= accuracy.measured[1] &&
      p.metric >= metric.measured[0] && p.metric <= metric.measured[1];

    const meets = (value, bound) => sign * (value - bound) >= -SLACK * Math.abs(bound);

    /** The most accurate architecture under a bound; null if none meets it. */
    function bestUnder(bound) {
      return front().reduce((best, p) => (meets(p.metric, bound) && (!best || p.accuracy > best.accuracy) ? p : best), null);
    }

    /** Accuracy times a weak power of the performance, as the id's raw reward. */
    function product(p) {
      const ratio = metric.larger ? p.metric / header.target : header.target / p.metric;
      return p.accuracy * ratio ** header.exponent;
    }

    /** Minus the largest weighted distance from the ideal, the raw reward of the id with preferences. */
    function chebyshev(p, weight) {
      const objectives = [p.accuracy, p.metric].map((v, i) => (v - header.nadir[i]) / (header.ideal[i] - header.nadir[i]));
      return Math.min(weight * (objectives[0] - 1), (1 - weight) * (objectives[1] - 1));
    }

    const best = (reward) => front().reduce((a, p) => (a && reward(a) >= reward(p) ? a : p), null);
    const bestFor = (weight) => best((p) => chebyshev(p, weight));
    const optimum = () => best(product);

    /** Reward in unit scale: 0 for random architectures in the mean, 1 for the certified optimum. */
    const reward = (p) => (product(p) - header.random_mean) / (header.best - header.random_mean);

    function rewardFor(p, weight) {
      const place = weight * (means.length - 1);
      const low = Math.min(Math.floor(place), means.length - 2);
      const mean = means[low] + (place - low) * (means[low + 1] - means[low]);
      return (chebyshev(p, weight) - mean) / (chebyshev(bestFor(weight), weight) - mean);
    }

    /** How a metric stands against the front, as `anb-gym show` prints it. */
    function against(p) {
      const [, ideal] = header.ideal;
      const [, nadir] = header.nadir;
      const noWorse = front().filter((m) => sign * m.metric >= sign * p.metric);
      return {
        place: Math.min(1, Math.max(0, (p.metric - nadir) / (ideal - nadir))),
        left: Math.max(0, Math.max(...noWorse.map((m) => m.accuracy), p.accuracy) - p.accuracy),
      };
    }

    return {
      ...header, metric, point, front, measured, meets, bestUnder, bestFor, optimum, reward, rewardFor, against, sign,
      policy: policy(header.policy, read),
    };
  }

  /** A shipped policy: probabilities of the options of all 28 choices for a weight of accuracy. */
  function policy(header, read) {
    const cards = explorer.space.options.flatMap((block) => block.map((choice) => choice.length));
    let logits = null;
    function half(bits) { // float16
      const exponent = (bits >> 10) & 31;
      const fraction = bits & 1023;
      const value = exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024);
      return bits & 0x8000 ? -value : value;
    }
    return (weight) => {
      logits = logits || Array.from(read(header.logits), half);
      const bin = Math.min(header.bins - 1, Math.max(0, Math.ceil(weight * header.bins) - 1));
      let cell = 0;
      return cards.map((n) => {
        const own = Array.from({ length: n }, () => logits[header.bins * cell++ + bin]);
        const largest = Math.max(...own);
        const odds = own.map((x) => Math.exp(x - largest));
        const total = odds.reduce((a, b) => a + b, 0);
        return odds.map((x) => x / total);
      });
    };
  }

  return { task };
})();
