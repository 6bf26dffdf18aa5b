/** Prefix byte of the public key of a user, as NKeys encode it. */
const USER_PREFIX = 20 << 3;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** Whether a text is the public NKey of a user: in base 32, a prefix, 32 bytes, and a checksum of both. */
export function isPublicUserKey(text: string): boolean {
  if (!/^U[A-Z2-7]{55}$/.test(text)) return false;
  const bytes = fromBase32(text);
  const [low = 0, high = 0] = bytes.subarray(33);
  return bytes[0] === USER_PREFIX && crc16(bytes.subarray(0, 33)) === low + (high << 8);
}

function fromBase32(text: string): Buffer {
  const bits = [...text].map((letter) => ALPHABET.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** CRC-16 as in XMODEM. */
function crc16(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

const CREDENTIALS = /-BEGIN NATS USER JWT-+\s+\S+\s[\s\S]+-BEGIN USER NKEY SEED-+\s+SU[A-Z2-7]{56}\s/;

/** Whether a text is a credentials file: the JWT and the seed of a user, as nsc writes it. */
export function isCredentialsFile(text: string): boolean {
  return CREDENTIALS.test(text);
}

/** A text of that form without a credential. */
export function placeholderFile(placeholder: string): string {
  return `-----BEGIN NATS USER JWT-----
${placeholder}
------END NATS USER JWT------
-----BEGIN USER NKEY SEED-----
SU${'A'.repeat(56)}
------END USER NKEY SEED------
`;
}
