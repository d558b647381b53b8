import type { ServerResponse } from 'node:http'
import type { RevocationEvent } from '@countermark/delegation'

/** Says what was revoked to everybody who listens. */
export interface RevocationEvents {
  readonly follow: (response: ServerResponse) => void
  readonly publish: (event: RevocationEvent) => void
  /** Says nothing any more, or goes on. */
  readonly silence: (silent: boolean) => void
  readonly close: () => void
}

const ALIVE_EVERY_MS = 500

/** Starts a feed of one event a line. Whoever comes late hears what was said before. */
export function createRevocationEvents(): RevocationEvents {
  const followers = new Set<ServerResponse>()
  const past: string[] = []
  const tell = (line: string): void => {
    for (const follower of followers) follower.write(line)
  }
  let isSilent = false
  const timer = setInterval(() => isSilent || tell('{"type":"alive"}\n'), ALIVE_EVERY_MS)
  return {
    follow: (response) => {
      followers.add(response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }))
      response.on('close', () => followers.delete(response))
      response.write(`${past.join('')}{"type":"alive"}\n`)
    },
    publish: (event) => {
      const line = `${JSON.stringify(event)}\n`
      past.push(line)
      tell(line)
    },
    silence: (silent) => {
      isSilent = silent
    },
    close: () => clearInterval(timer),
  }
}
