/** The schedule of every kind of arrivals, by its hash: the same on every machine, and from one version to the next. */
import { expect, test } from "bun:test";
import type { Workload } from "#experiment/resolved.ts";
import { ns, SECOND } from "#stdx/nanos.ts";
import { createArrivalProcess } from "#workload/arrival-process.ts";
import { ScheduleWriter } from "#workload/schedule-summary.ts";
import { replay, SHAPES } from "./workloads.ts";

const TIMES = {
  warmUpNs: ns(0),
  durationNs: ns(10 * SECOND),
  coolDownNs: ns(0),
  inputs: false,
};
const STATES = [
  { ratePerS: 50, meanNs: ns(SECOND) },
  { ratePerS: 500, meanNs: ns(SECOND / 4) },
];
const PARTS = [
  { name: "web", models: ["a"], load: { arrivals: "gamma", ratePerS: 200, cv: 3, users: 9 } },
  { name: "tick", models: null, load: { arrivals: "constant", ratePerS: 50 } },
] as const;

const TRACE_CSV = `HashOwner,HashApp,HashFunction,Trigger,1,2,3
o,a,f,http,10,0,500
o,a,g,timer,1,1,1
o,a,h,queue,0,77,3
`;

/** Ten seconds each; a change of any of these is a change of every user's recorded schedules: say so in CHANGELOG.md. */
const SCHEDULES: readonly (readonly [string, Workload, string])[] = [
  [
    "constant",
    { ...TIMES, arrivals: "constant", ratePerS: 999 },
    "32509dab134b5574e2b2fd8de19caaebaf3e774bfdf35b1b53bde55b3e94f993",
  ],
  [
    "poisson",
    { ...TIMES, arrivals: "poisson", ratePerS: 999 },
    "a2fd6c7c7a02e639b8b4fcc6ef43da991edc257b3ad1d65ed5f9d1d3cd91b149",
  ],
  [
    "gamma below 1",
    { ...TIMES, arrivals: "gamma", ratePerS: 999, cv: 0.4 },
    "e1ee6eeeddc3122b4cfa61ad2968c45206e4b34c21d7b85438377775d2918907",
  ],
  [
    "gamma above 1",
    { ...TIMES, arrivals: "gamma", ratePerS: 999, cv: 4 },
    "1f1d697acc27b946216200ea21fa79a89286469d11e73321e4dfb347f5f260ed",
  ],
  [
    "weibull",
    { ...TIMES, arrivals: "weibull", ratePerS: 999, cv: 2, users: 5 },
    "2fde520dbae4cb9f7ef6a630146af33828a149ac3f97d0e7f33ad6e1ad612e42",
  ],
  [
    "markov-modulated",
    { ...TIMES, arrivals: "markov-modulated", states: STATES },
    "2ad930ad413a8d7eea7c850ac42d4ee713bf5577d99187a1e9028bc496bd5b2b",
  ],
  [
    "ramp",
    { ...TIMES, arrivals: "poisson", ratePerS: 100, shape: SHAPES.ramp },
    "dc789ccbadb9fd9f570736f598c6a8e27c18d27d03255cb2226c958ec19b7d7c",
  ],
  [
    "steps",
    { ...TIMES, arrivals: "constant", ratePerS: 100, shape: SHAPES.steps },
    "154394cbcebd79ce33099eada65690f7fdf488d31fb666aac1e14055b265615d",
  ],
  [
    "bursts",
    { ...TIMES, arrivals: "poisson", ratePerS: 100, shape: SHAPES.bursts },
    "2e72ab12102bbc5f500b9ab9544a4cdb14beab8bfaad191cce5436ae877bcbb4",
  ],
  [
    "sine",
    { ...TIMES, arrivals: "poisson", ratePerS: 100, shape: SHAPES.sine },
    "7c4894e4d05b7402aca39a33ca8ccf869105c045a14d1214c54484939b313d8b",
  ],
  [
    "mix",
    { ...TIMES, arrivals: "mix", parts: PARTS },
    "462ee78d4aad7a8816fe9227412888bcd6bebcf34df5346590325a2678746ac2",
  ],
  [
    "trace, uniform",
    replay(3, { placement: "uniform" }),
    "85b7b2348a92534e292c6412a98a6fd8b320fc480d98e331e8e88fa3a8bae074",
  ],
  ["trace, even", replay(3), "63b284aba2694d8e280f59d1e2acc2baeb610d6310940f5c53a7da165bcb4200"],
  [
    "trace, poisson",
    replay(3, { placement: "poisson", loadFactor: 2.5 }),
    "6fc3b68e9acdd80ffd98f4dab07f3b3b9da0b9364d92becbf97bd9dd8915c13f",
  ],
];

test.each(SCHEDULES)("%s", (_, workload, recorded) => {
  const models = [
    { model: "a", instances: 2 },
    { model: "b", instances: 3 },
  ];
  const made = createArrivalProcess({ workload, seed: 42, models, traceCsv: TRACE_CSV });
  if (!made.ok) throw new Error(JSON.stringify(made.error));
  const hasher = new Bun.CryptoHasher("sha256");
  const writer = new ScheduleWriter((text) => hasher.update(text));
  while (made.value.nextAt() !== null) writer.add(made.value.take());
  writer.finish();
  expect(hasher.digest("hex")).toBe(recorded);
});
