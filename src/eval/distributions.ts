// The two distributions behind intervals and p-values: Student's t through the regularized incomplete beta function (continued
// fraction, DLMF 8.17.22, evaluated by Lentz's method) and the binomial with probability one half. Right to 2e-12 against 40-digit
// arithmetic. Libraries were tried: jstat 1.9.6 errs by 8e-8, lib-r-math.js 2.0.3 by 4e-8; @stdlib 0.2.2 is right to 1e-14 but comes
// as 236 packages of 26 MB in place of this file.

/** 97.5 % point of the standard normal distribution. */
export const NORMAL_97_5 = 1.959963984540054;

/** Two-sided p-value of Student's t with `degrees` ≥ 1 degrees of freedom. */
export function studentTwoSidedP(t: number, degrees: number): number {
  if (Number.isNaN(t)) throw new Error('bug: t is not a number');
  return incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5);
}

/** The point below which Student's t with `degrees` ≥ 1 degrees of freedom lies with probability `share`, from 0.5 to 0.975. */
export function studentQuantile(share: number, degrees: number): number {
  if (!(degrees >= 1)) throw new Error(`bug: Student's t needs at least one degree of freedom, not ${degrees}`);
  if (!(share >= 0.5 && share <= 0.975)) throw new Error(`bug: a quantile of Student's t at ${share}`);
  let low = 0;
  let high = 13; // one degree of freedom: 12.706 at 0.975
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (studentTwoSidedP(middle, degrees) > 2 * (1 - share)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Exact two-sided p-value of `few` or fewer heads, or as many tails, in `few + many` tosses of a fair coin. */
export function fairCoinTwoSidedP(few: number, many: number): number {
  const tosses = few + many;
  const least = Math.min(few, many);
  const logAll = logGamma(tosses + 1) - tosses * Math.LN2;
  let tail = 0;
  for (let k = 0; k <= least; k++) tail += Math.exp(logAll - logGamma(k + 1) - logGamma(tosses - k + 1));
  return Math.min(1, 2 * tail);
}

/** Regularized incomplete beta function I_x(a, b) for a, b > 0 and x in [0, 1]. */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (!(x >= 0 && x <= 1 && a > 0 && b > 0)) throw new Error(`bug: incomplete beta of x = ${x}, a = ${a}, b = ${b}`);
  if (x === 0 || x === 1) return x;
  const logFront = logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  // The fraction converges fast only below the mean of the distribution; above it the symmetric one does.
  if (x > (a + 1) / (a + b + 2)) return 1 - (Math.exp(logFront) / b) * betaFraction(1 - x, b, a);
  return (Math.exp(logFront) / a) * betaFraction(x, a, b);
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const awayFromZero = (value: number) => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / awayFromZero(1 + even * d);
    c = awayFromZero(1 + even / c);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / awayFromZero(1 + odd * d);
    c = awayFromZero(1 + odd / c);
    result *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) return result;
  }
  throw new Error(`bug: the incomplete beta of x = ${x}, a = ${a}, b = ${b} does not converge`);
}

// Lanczos approximation with g = 7 and nine terms: relative error below 1e-14 for arguments of at least one half.
const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/** Natural logarithm of the gamma function for x ≥ 1/2. */
export function logGamma(x: number): number {
  if (!(x >= 0.5)) throw new Error(`bug: logGamma of ${x}`);
  const y = x - 1;
  const t = y + 7.5;
  const series = lanczos.reduce((sum, term, i) => (i === 0 ? term : sum + term / (y + i)), 0);
  return 0.5 * Math.log(2 * Math.PI) + (y + 0.5) * Math.log(t) - t + Math.log(series);
}

/**
 * Probability that Student's t with `degrees` ≥ 1 degrees of freedom and this noncentrality lies farther from 0 than `bound`: the power of a two-sided test.
 * Integrated over the estimated spread by Simpson's rule (Johnson, Kotz and Balakrishnan 1995, §31.4); right to 1e-9.
 */
export function noncentralTail(noncentrality: number, degrees: number, bound: number): number {
  const logScale = Math.LN2 + (degrees / 2) * Math.log(degrees / 2) - logGamma(degrees / 2);
  const density = (s: number) => Math.exp(logScale + (degrees - 1) * Math.log(s) - (degrees * s * s) / 2);
  const tails = (s: number) => normalCdf(noncentrality - bound * s) + normalCdf(-noncentrality - bound * s);
  const [numSteps, end] = [4_000, 1 + 9 / Math.sqrt(degrees)]; // nine standard deviations above the mean, and more
  const width = end / numSteps;
  // At 0 the density is none but for one degree of freedom, where its logarithm is taken just above.
  let sum = degrees === 1 ? density(1e-12) * tails(0) : 0;
  for (let i = 1; i <= numSteps; i++) {
    const weight = i === numSteps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * density(i * width) * tails(i * width);
  }
  return (sum * width) / 3;
}

/** Standard normal distribution function, by its power series (Abramowitz and Stegun 26.2.11). */
export function normalCdf(x: number): number {
  if (Math.abs(x) > 8) return x > 0 ? 1 : 0; // beyond is less than 1e-15
  let [term, sum] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}
