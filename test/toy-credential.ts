import { type AgentFact, type Check, type CredentialScheme, defineCheck, Refusal } from '@countermark/core'

declare module '@countermark/core' {
  interface ForeignSchemes {
    readonly passphrase: true
  }
}

/** The row of a credential that the packages do not know. */
const PASSPHRASE: CredentialScheme = {
  name: 'passphrase',
  level: 'bearer',
  fields: ['x-pass-phrase'],
  exposes: ['X-Pass-Hint'],
  grade: 'bearer',
  challenge: 'Passphrase',
}

/** A check that takes a passphrase. */
export function verifyPassphrase(passphrase: string): Check<object, { readonly agent: AgentFact }> {
  return defineCheck(
    { name: 'verify_passphrase', needs: [], adds: ['agent'], credentials: [PASSPHRASE] },
    ({ headers }) => {
      if (headers.only('x-pass-phrase') !== passphrase) {
        throw new Refusal('credentials_missing', 'X-Pass-Phrase must hold the passphrase', { credential: 'passphrase' })
      }
      const record = { id: 'toy', state: 'active' } as const
      return { agent: { id: 'toy', level: PASSPHRASE.level, scheme: PASSPHRASE.name, record } }
    },
  )
}
