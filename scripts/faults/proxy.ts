/**
 * A TCP proxy as a process of its own: `proxy.ts HOST:PORT SEED` prints its port, then takes one JSON line per change
 * on its standard input, whose end ends it: {"to": "server" | "client" | "both", "impairment": {…}}.
 */
import { connect, createServer, type Socket } from "node:net";
import { Rng } from "#stdx/rng.ts";
import { type Impairment, LinkDirection, NO_IMPAIRMENT } from "./impairment.ts";

export interface ProxyCommand {
  readonly to: "server" | "client" | "both";
  readonly impairment: Impairment;
}

/** Passes chunks from one socket to the other, each when its time has come. */
class Pipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #direction: LinkDirection;
  readonly #impairment: () => Impairment;
  readonly #queue: { readonly chunk: Buffer; readonly atMs: number }[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #hasEnded = false;

  constructor(ends: readonly [Socket, Socket], rng: Rng, impairment: () => Impairment) {
    [this.#from, this.#to] = ends;
    this.#direction = new LinkDirection(() => rng.uniform());
    this.#impairment = impairment;
    this.#from.setNoDelay(true);
    this.#from.on("data", (chunk: Buffer) => this.#onData(chunk));
    this.#from.on("close", () => {
      this.#hasEnded = true;
      this.pass();
    });
    this.#from.on("error", () => this.#to.destroy());
  }

  /** Sends on what is due; to be called when the impairment changes. */
  readonly pass = (): void => {
    clearTimeout(this.#timer);
    const { isHeld } = this.#impairment();
    for (let next = this.#queue[0]; next !== undefined && !isHeld; next = this.#queue[0]) {
      const leftMs = next.atMs - performance.now();
      if (leftMs > 0) {
        this.#timer = setTimeout(this.pass, Math.ceil(leftMs));
        return;
      }
      this.#to.write(next.chunk);
      this.#queue.shift();
    }
    if (this.#hasEnded && this.#queue.length === 0) this.#to.end();
  };

  #onData(chunk: Buffer): void {
    const atMs = this.#direction.releaseMs(performance.now(), chunk.length, this.#impairment());
    this.#queue.push({ chunk, atMs });
    this.pass();
  }
}

const [address = "", seed = "1"] = process.argv.slice(2);
const [host = "", port = ""] = address.split(":");
const rng = Rng.of(Number(seed), "proxy");
const impairments = { server: NO_IMPAIRMENT, client: NO_IMPAIRMENT };
const pipes: Pipe[] = [];

const server = createServer((client) => {
  const upstream = connect({ host, port: Number(port) });
  upstream.setNoDelay(true);
  pipes.push(
    new Pipe([client, upstream], rng.split("to server"), () => impairments.server),
    new Pipe([upstream, client], rng.split("to client"), () => impairments.client),
  );
});
server.listen(0, "127.0.0.1", () => {
  const bound = server.address();
  console.log(typeof bound === "object" ? bound?.port : "");
});

const apply = (text: string): void => {
  const { to, impairment } = JSON.parse(text) as ProxyCommand;
  if (to !== "client") impairments.server = impairment;
  if (to !== "server") impairments.client = impairment;
  for (const pipe of pipes) pipe.pass();
};

let unread = "";
process.stdin.on("data", (chunk: Buffer) => {
  unread += chunk.toString();
  for (let end = unread.indexOf("\n"); end >= 0; end = unread.indexOf("\n")) {
    apply(unread.slice(0, end));
    unread = unread.slice(end + 1);
  }
});
process.stdin.on("end", () => process.exit(0));
