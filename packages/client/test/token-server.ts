import { type Answer, type ReceivedRequest, type RecordingServer, startRecordingServer } from './recording-server.ts'

/** A token endpoint that writes down what it is asked, and gives `t1`, `t2`, … unless told otherwise. */
export interface TokenServer {
  readonly tokenEndpoint: string
  readonly server: RecordingServer
  /** The form of each request. */
  readonly forms: () => readonly URLSearchParams[]
  /** Answers the next requests instead. */
  readonly answer: (...answers: readonly Answer[]) => void
  readonly close: () => Promise<void>
}

/** What an authorization server answers. */
export function json(value: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) }
}

/** Starts it. */
export async function startTokenServer(type = 'Bearer', lifetimeSeconds = 600): Promise<TokenServer> {
  const answers: Answer[] = []
  let count = 0
  const grant = (): Answer => json({ access_token: `t${++count}`, token_type: type, expires_in: lifetimeSeconds })
  const server = await startRecordingServer(() => answers.shift() ?? grant())
  return {
    tokenEndpoint: `${server.origin}/token`,
    server,
    forms: () => server.received.map(({ body }: ReceivedRequest) => new URLSearchParams(body.toString())),
    answer: (...next) => void answers.push(...next),
    close: server.close,
  }
}
