import { createCipheriv, createDecipheriv } from 'node:crypto'
import { random, type Key } from '#base/secrets.ts'

const NONCE = 12
const TAG = 16

/** Encrypts and authenticates what is kept at rest: AES-256-GCM, `nonce || tag || ciphertext`, bound to `context`. */
export const seal = (key: Key, context: string, plain: Uint8Array): Buffer => {
  const nonce = Buffer.from(random(NONCE))
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG }).setAAD(Buffer.from(context))
  const body = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body])
}

/** Opens what `seal` made; `undefined` if the key or the context is another, or a bit has changed. */
export const findSealed = (key: Key, context: string, sealed: Uint8Array): Buffer | undefined => {
  if (sealed.length < NONCE + TAG) return undefined
  const cipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG })
  cipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(NONCE, NONCE + TAG))
  try {
    return Buffer.concat([cipher.update(sealed.subarray(NONCE + TAG)), cipher.final()])
  } catch {
    return undefined
  }
}
