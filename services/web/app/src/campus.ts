import type { Client } from "@connectrpc/connect";
import {
  AchievementService, AuthService, CourseService, createClient, createHubTransport, EnrollmentService, PaymentService, QuizService, UserProfileService,
} from "@pulselearn/campus-hub";
import { OidcClient } from "@pulselearn/campus-hub/oidc";
import { RealtimeClient, type State } from "@pulselearn/campus-hub/realtime";
import { Role } from "@pulselearn/campus-hub/proto/pl/auth/v1/auth_pb";

/** Who is logged in. */
export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
}

/** The hub as the page sees it: who is logged in, the calls, and the live connection. */
export interface Campus {
  readonly login: OidcClient;
  readonly achievement: Client<typeof AchievementService>;
  readonly auth: Client<typeof AuthService>;
  readonly course: Client<typeof CourseService>;
  readonly enrollment: Client<typeof EnrollmentService>;
  readonly payment: Client<typeof PaymentService>;
  readonly profile: Client<typeof UserProfileService>;
  readonly quiz: Client<typeof QuizService>;
  /** Connects. `onState` hears how that goes on. */
  listen(onState: (state: State) => void): RealtimeClient;
}

/** The longest pause between two attempts to come back. */
const maxDelayMillis = 3_000;

/** Returns the hub that served the page. */
export function campus(): Campus {
  const hub = location.origin;
  const login = new OidcClient({ issuer: hub, clientId: "web", redirectUri: `${hub}/` });
  const transport = createHubTransport(hub, { token: login.token });
  return {
    login,
    achievement: createClient(AchievementService, transport),
    auth: createClient(AuthService, transport),
    course: createClient(CourseService, transport),
    enrollment: createClient(EnrollmentService, transport),
    payment: createClient(PaymentService, transport),
    profile: createClient(UserProfileService, transport),
    quiz: createClient(QuizService, transport),
    listen: (onState) => new RealtimeClient(hub, { token: login.token, onState, maxDelayMillis }),
  };
}

/** Returns who is logged in, or undefined. */
export async function personOf(hub: Campus): Promise<Person | undefined> {
  const id = (await hub.login.token()) === undefined ? undefined : hub.login.claims?.["sub"];
  if (typeof id !== "string") return undefined;
  const { account } = await hub.auth.getAccount({ accountId: id });
  return { id, name: account?.displayName || "you", role: account?.role ?? Role.UNSPECIFIED };
}

interface Page {
  readonly nextPageToken: string;
}

/** Reads every page of a list. */
export async function all<P extends Page, T>(read: (pageToken: string) => Promise<P>, items: (page: P) => readonly T[]): Promise<T[]> {
  const found: T[] = [];
  for (let token = ""; ; ) {
    const page = await read(token);
    found.push(...items(page));
    token = page.nextPageToken;
    if (token === "") return found;
  }
}

/**
 * Makes a reading that is asked for again while it runs begin once more behind it: what it shows last is never older than
 * what was asked for last.
 */
export function newest(read: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let again = false;
  const run = async (): Promise<void> => {
    try {
      do {
        again = false;
        await read();
      } while (again);
    } finally {
      running = undefined;
    }
  };
  return () => {
    again = true;
    running ??= run();
    return running;
  };
}

/** Calls work when the person comes back to the page from another one. */
export function onReturn(work: () => void): void {
  document.addEventListener("visibilitychange", () => document.hidden || work());
  window.addEventListener("focus", work);
}
