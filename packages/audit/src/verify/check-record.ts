import { canonicalJson } from '@countermark/core/internal'
import { isCommitted } from '../record/commitment.ts'
import { hasOwnHash } from '../record/pruned-line.ts'
import type { PrunedMembers } from '../record/parse-line.ts'
import { contentHash, linkHash, type SealedMembers } from '../record/chain.ts'
import type { EvidenceState } from './evidence-check.ts'
import type { Finding } from './finding.ts'

/** What is wrong with a record by itself: with its hash, or with what may be erased and was committed to. */
export function checkRecord(sealed: SealedMembers): readonly Finding[] {
  const { chain, seq, previous, record } = sealed
  const findings: Finding[] = []
  const content = contentHash(canonicalJson(record))
  if (linkHash({ chain, seq, previous, content }) !== sealed.hash) {
    findings.push({ kind: 'altered', message: `record ${seq} of chain ${chain} does not have the hash that it states` })
  }
  const commitments = commitmentsOf(sealed)
  for (const [name, value] of Object.entries(sealed.private)) {
    if (Object.hasOwn(commitments, name) && isCommitted(value, commitments[name])) continue
    findings.push({
      kind: 'altered',
      message: `record ${seq} of chain ${chain} has another ${name} than it committed to`,
    })
  }
  return findings
}

/** A record whose evidence does not verify was never written by a guard that checks what it records. */
export function checkProof({ chain, seq }: SealedMembers, state: EvidenceState): readonly Finding[] {
  if (state !== 'false') return []
  return [{ kind: 'altered', message: `record ${seq} of chain ${chain} has evidence that does not verify` }]
}

/** Of a pruned record the place is left, and its hash is still made of that. */
export function checkPruned(pruned: PrunedMembers): readonly Finding[] {
  if (hasOwnHash(pruned)) return []
  const { chain, seq } = pruned
  return [{ kind: 'altered', message: `pruned record ${seq} of chain ${chain} does not have the hash that it states` }]
}

/** Names of values that were committed to and are gone. */
export function erasedNames(sealed: SealedMembers): readonly string[] {
  return Object.keys(commitmentsOf(sealed)).filter((name) => !Object.hasOwn(sealed.private, name))
}

function commitmentsOf({ record }: SealedMembers): Readonly<Record<string, string>> {
  return record.type === 'outcome' ? {} : record.commitments
}
