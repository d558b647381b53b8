import { type RedisClient, type RedisEntry, readRedisTail } from '@countermark/core/internal'
import type { StopPush } from './follow-stops.ts'
import { isSeq, readStopLine } from './stop-log.ts'

/** The authority gives a sign of life each second. */
const SILENCE_MS = 3500

/** The stream in Redis that processes of the authority write. The id of an entry begins with the number of its line. */
export function redisPush(client: RedisClient, stream: string): StopPush {
  return {
    name: 'redis',
    listen: (after, { take, beat }, signal) => {
      const tail = { owner: 'fromAuthority', client, stream, after: `${after}-0`, silenceMs: SILENCE_MS, signal }
      return readRedisTail(tail, (entries) =>
        entries.every((entry) => {
          const line = entry.fields.get('line')
          return line === undefined ? beat(seqOf(entry)) : take([readStopLine(JSON.parse(line))])
        }),
      )
    },
  }
}

function seqOf({ id }: RedisEntry): number {
  const seq = Number(/^(\d+)-\d+$/.exec(id)?.[1])
  if (isSeq(seq)) return seq
  throw new TypeError('the stream in Redis holds what the authority does not write')
}
