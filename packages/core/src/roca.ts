/** Small primes for which few residues are powers of 65537. */
const PRIMES = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]

const POWERS: readonly (readonly [prime: bigint, residues: ReadonlySet<bigint>])[] = PRIMES.map((prime) => {
  return [BigInt(prime), powersOf(65_537n, BigInt(prime))]
})

/**
 * Whether an RSA modulus looks like one of the chips whose keys can be factored (ROCA, CVE-2017-15361): all of their primes
 * are built from powers of 65537, which shows modulo each small prime. Of honest keys one in 2^27 looks so.
 */
export function isRocaModulus(modulus: bigint): boolean {
  return POWERS.every(([prime, residues]) => residues.has(modulus % prime))
}

function powersOf(base: bigint, prime: bigint): ReadonlySet<bigint> {
  const residues = new Set<bigint>()
  for (let power = 1n; !residues.has(power); power = (power * base) % prime) residues.add(power)
  return residues
}
