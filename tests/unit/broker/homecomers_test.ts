import assert from "node:assert/strict";
import { Homecomers, MAX_HOMECOMERS } from "../../../lib/broker/homecomers.ts";

Deno.test("A client that is back soon after it was sent away stays for ten minutes", () => {
  const homecomers = new Homecomers();
  homecomers.sent("subscriber s1", 0);
  assert(!homecomers.stays("subscriber s1", 1000), "it is on its way");
  homecomers.registered("subscriber s1", 5000);
  assert(homecomers.stays("subscriber s1", 5000));
  homecomers.registered("subscriber s1", 60_000);
  assert(homecomers.stays("subscriber s1", 605_000));
  assert(!homecomers.stays("subscriber s1", 606_000), "it may be reached by now");
  assert(!homecomers.stays("publisher s1", 5000), "somebody else");
});

Deno.test("One that comes later, or was not sent away, is as good as any", () => {
  const homecomers = new Homecomers();
  homecomers.sent("subscriber s1", 0);
  homecomers.registered("subscriber s1", 31_000);
  homecomers.registered("subscriber s2", 31_000);
  assert(!homecomers.stays("subscriber s1", 31_000));
  assert(!homecomers.stays("subscriber s2", 31_000));
});

Deno.test("Not more of them are remembered than the limit: the first is forgotten", () => {
  const homecomers = new Homecomers();
  for (let index = 0; index <= MAX_HOMECOMERS; index++) homecomers.sent(`subscriber ${index}`, 0);
  for (const index of [0, 1, MAX_HOMECOMERS]) homecomers.registered(`subscriber ${index}`, 1);
  assert(!homecomers.stays("subscriber 0", 1));
  assert(homecomers.stays("subscriber 1", 1));
  assert(homecomers.stays(`subscriber ${MAX_HOMECOMERS}`, 1));
});
