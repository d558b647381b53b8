import type { AgentView } from './facts.ts'
import type { Refusal } from './refusal.ts'
import type { Reply } from './reply.ts'

/** What the adapter has to do. */
export type Verdict =
  | {
      readonly outcome: 'allow'
      readonly agent: AgentView | undefined
      readonly finish: Finish | undefined
      /** What a guard that only observes let pass. */
      readonly observed: Refusal | undefined
    }
  | { readonly outcome: 'deny'; readonly refusal: Refusal; readonly reply: Reply; readonly finish: Finish | undefined }

/** Tells observers how the request ended; `unserved` when it was allowed but no handler ran. `undefined` without observers. */
export type Finish = (status: number, aborted: boolean, unserved?: 'unserved') => void
