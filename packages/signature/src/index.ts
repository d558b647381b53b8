export type { Candidate, SignatureScheme } from './signature-scheme.ts'
