import type { Assigned, Driver, Member, OutRecord, Sink, Topic } from "../driver.js";
import type { Logger } from "../log.js";
export interface NatsOptions { readonly servers: readonly string[] }
export class NatsDriver implements Driver {
  constructor(_o: NatsOptions, _l: Logger) {}
  publish(_r: readonly OutRecord[]): Promise<void> { throw new Error(); }
  ensureTopics(_t: readonly Topic[]): Promise<void> { throw new Error(); }
  join(_g: string, _t: readonly string[], _a: (p: Assigned) => Sink): Promise<Member> { throw new Error(); }
  close(): Promise<void> { throw new Error(); }
}
