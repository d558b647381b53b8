import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import type { Revocations } from '@countermark/delegation'

const RECONNECT_MS = 200

/**
 * Takes over whatever the issuer's feed says, for as long as the process lives. Done once the first `alive` came: from then on
 * everything that was revoked before is known.
 */
export function followRevocations(url: string, revocations: Revocations): Promise<void> {
  return new Promise((resolve) => {
    const follow = async (): Promise<void> => {
      for await (const event of readEvents(url)) {
        revocations.apply(event)
        if (event.type === 'alive') resolve()
      }
    }
    const followAgain = (): void => void setTimeout(start, RECONNECT_MS)
    // An issuer that is gone is no reason to end: what is not heard any more shows by `staleAfterSeconds`.
    const start = (): void => void follow().then(followAgain, followAgain)
    start()
  })
}

type RevocationEvent = Parameters<Revocations['apply']>[0]

async function* readEvents(url: string): AsyncGenerator<RevocationEvent> {
  const { body } = await fetch(url)
  if (body === null) return
  for await (const line of createInterface({ input: Readable.fromWeb(body as ReadableStream) })) yield JSON.parse(line)
}
