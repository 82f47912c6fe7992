/** Networks in CIDR notation, of both families, and the addresses in them. */
import { describe, expect, test } from "bun:test";
import { AllowList, isLoopback } from "#host/allow-list.ts";

const allows = (text: string, address: string): boolean => {
  const list = AllowList.parse(text);
  if (!list.ok) throw new Error(list.error);
  return list.value.allows(address);
};

describe("AllowList", () => {
  test.each([
    // 10.32.0.0/11 has 10.32.0.0 to 10.63.255.255: 21 bits are free.
    ["10.32.0.0/11", "10.63.255.255", true],
    ["10.32.0.0/11", "10.64.0.0", false],
    ["10.32.0.0/11", "10.31.255.255", false],
    // Bits beyond the prefix mean nothing.
    ["10.32.7.9/11", "10.40.1.2", true],
    ["192.168.1.7", "192.168.1.7", true],
    ["192.168.1.7", "192.168.1.8", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "::1", false],
    // What a socket of both families calls an IPv4 peer.
    ["127.0.0.0/8", "::ffff:127.0.0.1", true],
    ["::ffff:10.0.0.0/8", "10.1.2.3", true],
    ["fd00::/8", "fd12:3456::1", true],
    ["fd00::/8", "fe80::1", false],
    ["2001:db8::/33", "2001:db8:7fff::1", true],
    ["2001:db8::/33", "2001:db8:8000::", false],
    ["2001:db8:0:1:2:3:4:5", "2001:DB8::1:2:3:4:5", true],
    ["fe80::/10", "fe80::1%eth0", true],
    ["64:ff9b::/96", "64:ff9b::203.0.113.1", true],
    ["::1,10.0.0.0/8", "10.0.0.1", true],
    ["::1, 10.0.0.0/8", "::1", true],
    ["::1", "", false],
    ["0.0.0.0/0", "not an address", false],
  ])("%s and %s: %p", (text, address, expected) => {
    expect(allows(text, address)).toBe(expected);
  });

  test.each([
    "",
    "10.0.0",
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/",
    "host",
    "10.0.0.1,,::1",
    "1.2.3.4/-1",
  ])("refuses %p with an example", (text) => {
    const list = AllowList.parse(text);
    expect(list.ok ? "" : list.error).toContain("is no network; write 10.0.0.0/8");
  });
});

test.each([
  ["127.0.0.1", true],
  ["127.8.9.1", true],
  ["::1", true],
  ["localhost", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
  ["node-7", false],
])("%s is only this machine's: %p", (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
