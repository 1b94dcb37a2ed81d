// The numbers of the table of operations where JavaScript has no such function, or one with other edges than the table's.
//
// Everything else in the printed rules is JavaScript's own: + - * /, comparisons, Math.exp, Math.log1p ... Nothing here
// throws: what has no value is NaN. Names are the table's (microgradnet/ops.py), where each operation is explained.

const op = (() => {
  "use strict";

  // --- truth and steps ---

  // Whether a condition holds: the outcome of a comparison, or a number, of which only 0 is false (NaN is true).
  const holds = (condition) => (typeof condition === "boolean" ? condition : condition !== 0);

  const sign = (x) => (x > 0 ? 1 : x < 0 ? -1 : x === 0 ? 0 : NaN);

  // To the nearest whole number, halves to the even one; keeps the sign of a zero.
  const round = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

  // --- powers ---

  // C's pow: 1 to any power is 1, NaN included, and so is -1 to an infinite one; JavaScript says NaN.
  const pow = (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b);

  // --- the error function: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.6 and 7.1.14 ---

  const SQRT_PI = Math.sqrt(Math.PI);
  const NEAR = 0.75; // below it the series is the more exact one, above it the fraction

  // exp(-x²); the square of x rounded to 24 bits is exact, so nothing of the exponent is lost.
  const bell = (x) => {
    const short = Math.fround(x);
    return Math.exp(-short * short) * Math.exp((short - x) * (short + x));
  };

  // 2/√π exp(-x²) (x + 2x³/3 + 4x⁵/15 + ...)
  const series = (x) => {
    let sum = 0;
    for (let k = 25; k > 0; k--) sum = 2 + (x * x * sum) / (k + 0.5);
    return (sum * x * bell(x)) / SQRT_PI;
  };

  // exp(-x²)/√π · 1/(x + ½/(x + 1/(x + 1½/(x + ...)))), from its end; the smaller x, the later it may be cut off.
  const fraction = (x) => {
    if (x > 28) return 0; // below the smallest number
    let rest = x;
    for (let k = Math.ceil(25 + 160 / (x * x)); k > 0; k--) rest = x + k / 2 / rest;
    return bell(x) / (SQRT_PI * rest);
  };

  const erf = (x) => (x > NEAR ? 1 - fraction(x) : x < -NEAR ? fraction(-x) - 1 : series(x));

  const erfc = (x) => (x > NEAR ? fraction(x) : x < -NEAR ? 2 - fraction(-x) : 1 - series(x));

  // --- any number of operands ---

  const largest = (x) => x.reduce((a, b) => (a >= b || Number.isNaN(a) ? a : b));

  // exp(x - the largest), of each, and the sum of them.
  const shifted = (x) => {
    const peak = largest(x);
    const e = x.map((v) => Math.exp(v - peak));
    return [e, e.reduce((a, b) => a + b)];
  };

  const logsumexp = (...x) => {
    const peak = largest(x);
    if (!Number.isFinite(peak)) return peak;
    const at = x.indexOf(peak);
    return peak + Math.log1p(x.reduce((sum, v, i) => (i === at ? sum : sum + Math.exp(v - peak)), 0));
  };

  const logsumexpPartials = (y, ...x) => {
    const [e, sum] = shifted(x);
    return e.map((v) => (v <= 0 ? 0 : v / sum));
  };

  // The last operand is a place, counted from 0. Where there is no such place Python raises; here it is NaN.
  const take = (...operands) => {
    const place = operands.pop();
    return place in operands ? operands[place] : NaN;
  };

  const takePartials = (y, ...operands) => {
    const place = operands.pop();
    return [...operands.map((_, i) => (i === place ? 1 : null)), null];
  };

  const softmax = (...operands) => {
    const place = operands.pop();
    const [e, sum] = shifted(operands);
    return place in e ? e[place] / sum : NaN;
  };

  const softmaxPartials = (y, ...operands) => {
    const place = operands.pop();
    const [e, sum] = shifted(operands);
    return [...e.map((v, i) => (i === place ? y * (1 - y) : -(y * (v / sum)))), null];
  };

  return Object.freeze({
    holds, sign, round, pow, erf, erfc,
    logsumexp, logsumexpPartials, take, takePartials, softmax, softmaxPartials,
  });
})();
