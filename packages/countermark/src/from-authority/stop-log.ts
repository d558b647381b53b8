import type { KeySource } from '@countermark/core'
import { isJsonObject } from '@countermark/core/internal'
import type { RevocationName, Revocations } from '@countermark/delegation'

/** One line that the authority tells its doors. */
export interface StopLine {
  /** Lines are numbered without a gap. */
  readonly seq: number
  /** `refresh`: what is kept of an agent is old. */
  readonly action: 'revoke' | 'withdraw' | 'refresh'
  readonly event: RevocationName
}

/** What this process has taken over, and whether that is everything. */
export interface StopLog {
  /** The last line that was taken over; 0 before the first. */
  readonly seq: () => number
  /** Whether everything was ever known. */
  readonly isComplete: () => boolean
  /** Takes lines as they are pushed. @returns whether none is missing before them */
  readonly take: (lines: readonly StopLine[]) => boolean
  /** Takes everything up to a number, as the authority answered it. */
  readonly catchUp: (lines: readonly StopLine[], seq: number, isAll: boolean) => void
  /** Takes over what is stopped in place of the lines up to a number, which are not kept any more. */
  readonly replace: (stopped: readonly RevocationName[], seq: number) => void
  /** The authority says that it is at this number. @returns whether nothing is missing here */
  readonly beat: (seq: number) => boolean
}

/** Creates the log over a list of revocations; the list hears that the feed works only when nothing is missing. */
export function createStopLog(revocations: Revocations, keys: Pick<KeySource, 'forget'>): StopLog {
  let known = 0
  let isComplete = false
  const stoppedAgents = new Set<string>()
  const takeBack = (agentId: string): void => {
    revocations.withdraw({ type: 'agent', agentId })
    stoppedAgents.delete(agentId)
    keys.forget?.({ agentId })
  }
  const carryOut = ({ action, event }: Omit<StopLine, 'seq'>): void => {
    if (action === 'revoke') revocations.apply(event)
    if (event.type !== 'agent') return
    if (action === 'revoke') stoppedAgents.add(event.agentId)
    // Only a suspension is ever taken back. A list that follows revocations forgets records itself.
    else if (action === 'withdraw') takeBack(event.agentId)
    // Here it would keep a record that lacks a key.
    else keys.forget?.({ agentId: event.agentId })
  }
  const carryOutLine = (line: StopLine): void => {
    carryOut(line)
    known = line.seq
  }
  const alive = (): void => revocations.apply({ type: 'alive' })
  return {
    seq: () => known,
    isComplete: () => isComplete,
    take: (lines) => {
      for (const line of lines) {
        if (line.seq <= known) continue
        if (line.seq !== known + 1) return false
        carryOutLine(line)
      }
      return true
    },
    catchUp: (lines, seq, isAll) => {
      for (const line of lines) if (line.seq > known) carryOutLine(line)
      // What was pushed meanwhile is ahead of the answer.
      known = Math.max(known, seq)
      if (!isAll) return
      isComplete = true
      alive()
    },
    replace: (stopped, seq) => {
      const agents = new Set(stopped.flatMap((event) => (event.type === 'agent' ? [event.agentId] : [])))
      for (const agentId of stoppedAgents) if (!agents.has(agentId)) takeBack(agentId)
      for (const event of stopped) carryOut({ action: 'revoke', event })
      known = seq
      // Lines from here on may take back, for a moment, what a later one stops again.
      isComplete = false
    },
    beat: (seq) => {
      if (seq > known) return false
      // A number that was passed meanwhile, by an answer of the authority, says nothing of now.
      if (seq === known) alive()
      return true
    },
  }
}

/** Reads a line. What it revokes is read by the list. @throws TypeError */
export function readStopLine(value: unknown): StopLine {
  if (isJsonObject(value)) {
    const { seq, action, event } = value
    const isAction = action === 'revoke' || action === 'withdraw' || action === 'refresh'
    if (isSeq(seq) && isAction && isJsonObject(event)) return { seq, action, event: event as unknown as RevocationName }
  }
  throw new TypeError('the authority has sent what is no line of its feed')
}

/** Whether a value is the number of a line, or 0. */
export function isSeq(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
