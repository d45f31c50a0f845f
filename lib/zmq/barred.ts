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
    const isFirst = before === undefined || now >= before.until + FORGIVEN_MS;
    const lastsMs = isFirst ? FIRST_MS : Math.min(2 * before.lastsMs, LONGEST_MS);
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
/** Of one instruction. */
export const INSTRUCTION_BYTES = 8;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, value: number];

/**
 * A filter that drops packets from these addresses, as an array of struct sock_filter.
 *
 * @param addresses as {@link sourceOf} gives them.
 */
export function dropFilter(addresses: readonly string[]): Uint8Array<ArrayBuffer> {
  const four = addresses.filter((address) => address.includes(".")).flatMap((address): Instruction[] => [
    [EQUAL, 0, 1, address.split(".").reduce((word, byte) => word * 256 + Number(byte), 0)],
    [RETURN, 0, 0, 0],
  ]);
  // A word that differs leads behind the return.
  const six = addresses.filter((address) => !address.includes(".")).flatMap((address): Instruction[] => {
    const groups = address.split(":").map((group) => parseInt(group, 16));
    return [
      [LOAD, 0, 0, NETWORK + SOURCE_6],
      [EQUAL, 0, 3, groups[0]! * 65536 + groups[1]!],
      [LOAD, 0, 0, NETWORK + SOURCE_6 + 4],
      [EQUAL, 0, 1, groups[2]! * 65536 + groups[3]!],
      [RETURN, 0, 0, 0],
    ];
  });
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

/**
 * Who a peer is taken for: `192.0.2.7` of `192.0.2.7:40112`; of an IPv6 one the four groups that name its network, as
 * its host may have as many addresses there as it likes. An IPv4 address that is written as one of IPv6 is the IPv4 one.
 */
export function sourceOf(peer: string): string {
  const address = peer.slice(0, peer.lastIndexOf(":")).replace(/[[\]]/g, "");
  if (address.includes(".")) return address;
  const groups = address.split(":");
  if (!address.startsWith("0:0:0:0:0:ffff:")) return groups.slice(0, 4).join(":");
  return groups.slice(6).flatMap((group) => {
    const word = parseInt(group, 16);
    return [word >> 8, word & 255];
  }).join(".");
}
