/** Addresses that may connect: networks in CIDR notation, IPv4 and IPv6, and whether an address lies in one of them. */
import { isIP } from "node:net";
import { err, ok, type Result } from "#stdx/result.ts";

interface Network {
  readonly bytes: readonly number[];
  readonly prefixBits: number;
}

const ipv4Bytes = (text: string): readonly number[] => text.split(".").map(Number);

/** The eight groups of an IPv6 address as 16 bytes; `text` is valid. */
const ipv6Bytes = (text: string): readonly number[] => {
  const dotted = /^(.*:)([\d.]+)$/.exec(text);
  const [a = 0, b = 0, c = 0, d = 0] = dotted?.[2]?.includes(".") ? ipv4Bytes(dotted[2]) : [];
  const tail = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  const whole = dotted?.[2]?.includes(".") ? `${dotted[1]}${tail}` : text;
  const [head = "", rest] = whole.split("::");
  const groupsOf = (part: string): readonly string[] => (part === "" ? [] : part.split(":"));
  const [left, right] = [groupsOf(head), groupsOf(rest ?? "")];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => "0");
  return [...left, ...zeros, ...right].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 255];
  });
};

/** ::ffff:a.b.c.d, as which a socket for both families sees an IPv4 peer. */
const isMapped = (bytes: readonly number[]): boolean =>
  bytes.length === 16 && bytes.slice(0, 12).every((byte, index) => byte === (index < 10 ? 0 : 255));

/** Null when the text is no address. */
const bytesOf = (text: string): readonly number[] | null => {
  // An address of one link only names the interface, too.
  const address = text.replace(/%.*$/, "");
  const family = isIP(address);
  if (family === 0) return null;
  const bytes = family === 4 ? ipv4Bytes(address) : ipv6Bytes(address);
  return isMapped(bytes) ? bytes.slice(12) : bytes;
};

const parseNetwork = (text: string): Network | null => {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  const bytes = match?.[1] === undefined ? null : bytesOf(match[1]);
  if (bytes === null) return null;
  const prefixBits = match?.[2] === undefined ? bytes.length * 8 : Number(match[2]);
  return prefixBits > bytes.length * 8 ? null : { bytes, prefixBits };
};

const isInside = (bytes: readonly number[], { bytes: network, prefixBits }: Network): boolean => {
  if (bytes.length !== network.length) return false;
  return network.every((byte, index) => {
    const bits = Math.max(0, Math.min(8, prefixBits - 8 * index));
    const mask = (0xff << (8 - bits)) & 0xff;
    return (byte & mask) === ((bytes[index] ?? 0) & mask);
  });
};

export class AllowList {
  readonly #networks: readonly Network[];

  private constructor(networks: readonly Network[]) {
    this.#networks = networks;
  }

  /** Reads "10.0.0.0/8,192.168.1.7,fd00::/8"; the error says what is wrong with which part. */
  static parse(text: string): Result<AllowList, string> {
    const networks: Network[] = [];
    for (const part of text.split(",").map((each) => each.trim())) {
      const network = parseNetwork(part);
      if (network === null)
        return err(`"${part}" is no network; write 10.0.0.0/8, 192.168.1.7 or fd00::/8`);
      networks.push(network);
    }
    return ok(new AllowList(networks));
  }

  /** False for whatever is no address. */
  allows(address: string): boolean {
    const bytes = bytesOf(address);
    return bytes !== null && this.#networks.some((network) => isInside(bytes, network));
  }
}

/** Whether only this machine can reach what listens on that address or name. */
export const isLoopback = (host: string): boolean => {
  const bytes = bytesOf(host);
  if (bytes === null) return host === "localhost";
  return bytes.length === 4
    ? bytes[0] === 127
    : bytes.every((byte, i) => byte === (i < 15 ? 0 : 1));
};
