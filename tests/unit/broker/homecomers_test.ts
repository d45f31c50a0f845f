import assert from "node:assert/strict";
import { Homecomers, MAX_HOMECOMERS } from "../../../lib/broker/homecomers.ts";

const there = () => true;

Deno.test("A client that is back soon after it was sent to a broker is not sent there again for ten minutes", () => {
  const homecomers = new Homecomers();
  homecomers.sent("subscriber s1", "b2", 0);
  assert(!homecomers.stays("subscriber s1", "b2", 1000), "it is on its way");
  homecomers.registered("subscriber s1", 5000, there);
  assert(homecomers.stays("subscriber s1", "b2", 5000));
  assert(!homecomers.stays("subscriber s1", "b3", 5000), "another broker");
  assert(!homecomers.stays("publisher s1", "b2", 5000), "somebody else");
  homecomers.sent("subscriber s1", "b3", 60_000);
  homecomers.registered("subscriber s1", 61_000, there);
  assert(homecomers.stays("subscriber s1", "b2", 604_999), "it cannot reach either");
  assert(homecomers.stays("subscriber s1", "b3", 604_999));
  assert(!homecomers.stays("subscriber s1", "b2", 605_000), "it may reach it by now");
});

Deno.test("One that comes later, was not sent, or whose broker does not serve any more is as good as any", () => {
  const homecomers = new Homecomers();
  homecomers.sent("subscriber s1", "b2", 0);
  homecomers.registered("subscriber s1", 31_000, there);
  homecomers.registered("subscriber s2", 31_000, there);
  homecomers.sent("subscriber s3", "b2", 31_000);
  homecomers.registered("subscriber s3", 31_000, (to) => to !== "b2");
  for (const id of ["s1", "s2", "s3"]) assert(!homecomers.stays(`subscriber ${id}`, "b2", 31_000), id);
});

Deno.test("Not more of them are remembered than the limit: the first is forgotten", () => {
  const homecomers = new Homecomers();
  for (let index = 0; index <= MAX_HOMECOMERS; index++) homecomers.sent(`subscriber ${index}`, "b2", 0);
  for (const index of [0, 1, MAX_HOMECOMERS]) homecomers.registered(`subscriber ${index}`, 1, there);
  assert(!homecomers.stays("subscriber 0", "b2", 1));
  assert(homecomers.stays("subscriber 1", "b2", 1));
  assert(homecomers.stays(`subscriber ${MAX_HOMECOMERS}`, "b2", 1));
});
