/** A quantity as users write it: digits, at most three decimals, a suffix of Kubernetes. */
export const QUANTITY = '^[0-9]{1,15}(\\.[0-9]{1,3})?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$';

const DECIMAL = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const BINARY = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** Quantities are computed in billionths, of which no accepted quantity has a fraction. */
const NANO = 10n ** 9n;

/** The smallest unit of a resource: Kubernetes rounds up to it. */
const MILLI = 10n ** 6n;

/**
 * A quantity in the canonical form that the API server returns, so that it never differs from the observed one: `1000m` is
 * `1`, `1024Mi` is `1Gi`. From `Quantity.CanonicalizeBytes` of k8s.io/apimachinery/pkg/api/resource.
 * @param quantity matches `QUANTITY`, or is an integer
 */
export function canonicalQuantity(quantity: string | number): string {
  const { nanos: exact, binary } = parse(quantity);
  const nanos = ((exact + MILLI - 1n) / MILLI) * MILLI;
  return binary && nanos >= 1024n * NANO
    ? withSuffix(roundUp(nanos), 1024n, BINARY)
    : withSuffix(nanos, 1000n, DECIMAL);
}

/** A quantity of bytes as a number, rounded up. */
export function bytes(quantity: string | number): bigint {
  return roundUp(parse(quantity).nanos);
}

/** Negative, zero or positive, as the first quantity is less than, equal to or greater than the second. */
export function compareQuantities(left: string | number, right: string | number): number {
  const difference = parse(left).nanos - parse(right).nanos;
  return difference < 0n ? -1 : Number(difference > 0n);
}

function parse(quantity: string | number): { nanos: bigint; binary: boolean } {
  const [, integer = '0', decimals = '', suffix = ''] = /^(\d+)\.?(\d*)(\D*)$/.exec(String(quantity)) ?? [];
  const binary = BINARY.includes(suffix) && suffix !== '';
  const scale = binary
    ? NANO * 1024n ** BigInt(BINARY.indexOf(suffix))
    : 1000n ** BigInt(Math.max(DECIMAL.indexOf(suffix), 0));
  return { nanos: (BigInt(integer + decimals) * scale) / 10n ** BigInt(decimals.length), binary };
}

function roundUp(nanos: bigint): bigint {
  return (nanos + NANO - 1n) / NANO;
}

function withSuffix(value: bigint, base: bigint, suffixes: string[]): string {
  if (value === 0n) return '0';
  let rest = value;
  let index = 0;
  while (index < suffixes.length - 1 && rest % base === 0n) {
    rest /= base;
    index += 1;
  }
  return `${rest}${suffixes[index]}`;
}
