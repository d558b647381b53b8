import { isJsonObject } from '@countermark/core/internal'
import type { RevocationName } from '@countermark/delegation'
import type { AuthorityConnection } from './authority-connection.ts'
import { isSeq, readStopLine, type StopLog } from './stop-log.ts'

/** A picture is taken again when it was too old as soon as it was there; a second one is not. */
const MOST_PICTURES = 3
/** Pages of a picture: 1,000 names each. */
const MOST_PAGES = 10_000

/**
 * Asks for everything behind the last line that is known; where lines are not kept any more, for what is stopped instead.
 * @throws Error when the authority does not answer, or answers without getting further
 */
export async function catchUp(door: string, log: StopLog, { ask }: AuthorityConnection): Promise<void> {
  const place = `/doors/${encodeURIComponent(door)}`
  for (let pictures = 0; ; ) {
    const before = log.seq()
    const { seq, events, more, picture } = await ask('GET', `${place}/changes?after=${before}`)
    if (!isSeq(seq) || !Array.isArray(events))
      throw new TypeError('the authority has sent what is no piece of its feed')
    if (picture === true) {
      pictures += 1
      if (pictures > MOST_PICTURES) throw new TypeError('the authority sends pictures that it does not keep')
      log.replace(await readPicture(place, ask), seq)
      continue
    }
    log.catchUp(events.map(readStopLine), seq, more !== true)
    if (more !== true) return
    if (!(log.seq() > before)) throw new TypeError('the authority says that there is more, and sends nothing')
  }
}

async function readPicture(place: string, ask: AuthorityConnection['ask']): Promise<readonly RevocationName[]> {
  const stopped: RevocationName[] = []
  const seen = new Set<string>()
  for (let path = `${place}/picture`; ; ) {
    const { events, next } = await ask('GET', path)
    if (!Array.isArray(events) || !events.every(isJsonObject))
      throw new TypeError('the authority has sent what is no picture of its stops')
    for (const event of events) stopped.push(event as unknown as RevocationName)
    if (next === undefined) return stopped
    if (typeof next !== 'string' || seen.has(next) || seen.size >= MOST_PAGES)
      throw new TypeError('the authority sends a picture without an end')
    seen.add(next)
    path = `${place}/picture?cursor=${encodeURIComponent(next)}`
  }
}
