/** The normal distribution in one and two dimensions, as far as the AU statistics need it. */

/** Nodes and weights of the 20-point Gauss-Legendre rule on (-1, 1), positive half (Abramowitz and Stegun, table 25.4). */
const GAUSS_LEGENDRE_20: readonly (readonly [number, number])[] = [
  [0.0765265211334973, 0.1527533871307258],
  [0.2277858511416451, 0.1491729864726037],
  [0.3737060887154195, 0.142096109318382],
  [0.5108670019508271, 0.1316886384491766],
  [0.636053680726515, 0.1181945319615184],
  [0.7463319064601508, 0.1019301198172404],
  [0.8391169718222188, 0.0832767415767047],
  [0.912234428251326, 0.0626720483341091],
  [0.9639719272779138, 0.0406014298003869],
  [0.9931285991850949, 0.0176140071391521],
];

/**
 * Standard normal distribution function by the series around 0 (G. Marsaglia, "Evaluating the normal
 * distribution", Journal of Statistical Software 11, 2004); absolute error below 1e-14.
 */
export function normalCdf(x: number): number {
  if (x < -8) return 0;
  if (x > 8) return 1;
  let sum = x;
  let term = x;
  for (let n = 3; sum + term !== sum; n += 2) {
    term *= (x * x) / n;
    sum += term;
  }
  return 0.5 + sum * Math.exp(-0.5 * x * x - 0.91893853320467274178);
}

/**
 * Inverse of {@link normalCdf} by bisection.
 * @param p probability strictly between 0 and 1.
 */
export function normalQuantile(p: number): number {
  let low = -8;
  let high = 8;
  for (let i = 0; i < 60; i++) {
    const middle = 0.5 * (low + high);
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return 0.5 * (low + high);
}

/**
 * P(X > h, Y > k) of a standard bivariate normal with correlation `r`: the product of the tails plus the
 * integral of the density over the correlation from 0 to r (Plackett 1954; Drezner and Wesolowsky 1990).
 */
export function bivariateUpperTail(h: number, k: number, r: number): number {
  const end = Math.asin(r);
  const density = (angle: number): number => {
    const s = Math.sin(angle);
    return Math.exp(-(h * h + k * k - 2 * h * k * s) / (2 * (1 - s * s)));
  };
  let integral = 0;
  for (const [node, weight] of GAUSS_LEGENDRE_20) {
    integral += weight * (density(0.5 * end * (1 + node)) + density(0.5 * end * (1 - node)));
  }
  return normalCdf(-h) * normalCdf(-k) + (integral * end) / (4 * Math.PI);
}

/**
 * Tetrachoric correlation: the correlation of the two normal variables behind two binary ones.
 * @param p1 probability that the first is 1.
 * @param p2 probability that the second is 1.
 * @param phi correlation of the binary variables; beyond what the margins allow, the nearest possible is taken.
 * @returns correlation between -0.99 and 0.99.
 */
export function tetrachoric(p1: number, p2: number, phi: number): number {
  const both = p1 * p2 + phi * Math.sqrt(p1 * (1 - p1) * p2 * (1 - p2));
  const h = normalQuantile(1 - p1);
  const k = normalQuantile(1 - p2);
  let low = -0.99;
  let high = 0.99;
  for (let i = 0; i < 50; i++) {
    const middle = 0.5 * (low + high);
    if (bivariateUpperTail(h, k, middle) < both) low = middle;
    else high = middle;
  }
  return 0.5 * (low + high);
}
