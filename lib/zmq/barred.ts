/**
 * Addresses whose new connections are not taken for some time, and the packet filter that refuses them. Pure: time is
 * a parameter, monotonic milliseconds.
 *
 * Who is cut off and comes back at once begins with everything that it may send. So its address is barred for a
 * while, and for twice as long each time that it does the same again.
 */

/** The first time, and at most. */
const FIRST_MS = 10_000;
const LONGEST_MS = 60_000;
/** After so long without another reason it is the first time again. */
const FORGIVEN_MS = 60_000;
/** More at once are not kept: the one whose time is over first is let in. */
export const MAX_BARRED = 64;

interface Bar {
  until: number;
  lastsMs: number;
}

/** Who is barred, and until when. */
export class Barred {
  readonly #bars = new Map<string, Bar>();

  /** There is a reason to bar this address. @returns for how long, milliseconds; 0 when it is already. */
  add(address: string, now: number): number {
    const before = this.#bars.get(address);
    if (before !== undefined && now < before.until) return 0;
    const lastsMs = before === undefined ? FIRST_MS : Math.min(2 * before.lastsMs, LONGEST_MS);
    this.#bars.set(address, { until: now + lastsMs, lastsMs });
    const active = [...this.#bars].filter(([, bar]) => now < bar.until);
    if (active.length > MAX_BARRED) {
      const [first] = active.reduce((first, one) => one[1].until < first[1].until ? one : first);
      this.#bars.delete(first);
    }
    return lastsMs;
  }

  /** Those who are barred now. */
  at(now: number): string[] {
    const addresses: string[] = [];
    for (const [address, { until }] of this.#bars) {
      if (now < until) addresses.push(address);
      else if (now >= until + FORGIVEN_MS) this.#bars.delete(address);
    }
    return addresses;
  }
}

/** Of classic BPF (linux/filter.h): load a word, a byte, shift right, jump, jump if equal, return. */
const LOAD = 0x20, LOAD_BYTE = 0x30, SHIFT = 0x74, JUMP = 0x05, EQUAL = 0x15, RETURN = 0x06;
/** Counted from the beginning of the IP header. */
const NETWORK = 0xfff00000;
const SOURCE_4 = 12, SOURCE_6 = 8;
const ALL = 0xffffffff;
const INSTRUCTION_BYTES = 8;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, value: number];

/**
 * A filter that drops packets from these addresses, as an array of struct sock_filter.
 *
 * @param addresses `192.0.2.7`, or eight groups in hexadecimal without brackets; an IPv4 address that is written as one
 * of IPv6 is the IPv4 address.
 */
export function dropFilter(addresses: readonly string[]): Uint8Array<ArrayBuffer> {
  const words = addresses.map(wordsOf);
  const four = words.filter(({ length }) => length === 1).flatMap((source): Instruction[] => [
    [EQUAL, 0, 1, source[0]!],
    [RETURN, 0, 0, 0],
  ]);
  // Each word that differs leads behind the return.
  const six = words.filter(({ length }) => length === 4).flatMap((source): Instruction[] => [
    ...source.flatMap((word, index): Instruction[] => [
      [LOAD, 0, 0, NETWORK + SOURCE_6 + 4 * index],
      [EQUAL, 0, 2 * (source.length - index) - 1, word],
    ]),
    [RETURN, 0, 0, 0],
  ]);
  const program: Instruction[] = [
    [LOAD_BYTE, 0, 0, NETWORK],
    [SHIFT, 0, 0, 4],
    [EQUAL, 0, 1, 6],
    [JUMP, 0, 0, four.length + 2],
    [LOAD, 0, 0, NETWORK + SOURCE_4],
    ...four,
    [RETURN, 0, 0, ALL],
    ...six,
    [RETURN, 0, 0, ALL],
  ];
  const bytes = new Uint8Array(program.length * INSTRUCTION_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, [code, jumpTrue, jumpFalse, value]] of program.entries()) {
    view.setUint16(index * INSTRUCTION_BYTES, code, true);
    view.setUint8(index * INSTRUCTION_BYTES + 2, jumpTrue);
    view.setUint8(index * INSTRUCTION_BYTES + 3, jumpFalse);
    view.setUint32(index * INSTRUCTION_BYTES + 4, value, true);
  }
  return bytes;
}

/** The 32-bit words of an address: one, or four. */
function wordsOf(address: string): number[] {
  if (address.includes(".")) {
    return [address.split(".").reduce((word, byte) => word * 256 + Number(byte), 0)];
  }
  const groups = address.split(":").map((group) => parseInt(group, 16));
  const words = [0, 2, 4, 6].map((at) => groups[at]! * 65536 + groups[at + 1]!);
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff ? [words[3]!] : words;
}
