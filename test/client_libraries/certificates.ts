import { randomBytes } from 'node:crypto'
import { isIP } from 'node:net'
import forge from 'node-forge'

/** A certificate for some hosts, and the authority that signed it: as PEM. */
export type Certificate = { readonly key: string; readonly chain: string; readonly authority: string }

const HOUR_MS = 3_600_000

const certificateFor = (name: string, publicKey: forge.pki.PublicKey, issuer: string): forge.pki.Certificate => {
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = publicKey
  // Positive, as RFC 5280 §4.1.2.2 wants it.
  certificate.serialNumber = `01${randomBytes(15).toString('hex')}`
  certificate.validity.notBefore = new Date(Date.now() - HOUR_MS)
  certificate.validity.notAfter = new Date(Date.now() + 24 * HOUR_MS)
  certificate.setSubject([{ name: 'commonName', value: name }])
  certificate.setIssuer([{ name: 'commonName', value: issuer }])
  return certificate
}

/** Made anew each time, with all extensions that strict verifiers look for (RFC 5280 §4.2.1). */
export const makeCertificate = (hosts: readonly string[]): Certificate => {
  const authorityName = 'Postern test authority'
  const authorityKeys = forge.pki.rsa.generateKeyPair(2048)
  const authority = certificateFor(authorityName, authorityKeys.publicKey, authorityName)
  authority.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ])
  authority.sign(authorityKeys.privateKey, forge.md.sha256.create())

  const keys = forge.pki.rsa.generateKeyPair(2048)
  const certificate = certificateFor(hosts[0]!, keys.publicKey, authorityName)
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    {
      name: 'subjectAltName',
      altNames: hosts.map((host) => (isIP(host) === 0 ? { type: 2, value: host } : { type: 7, ip: host })),
    },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: authority.generateSubjectKeyIdentifier().getBytes() },
  ])
  certificate.sign(authorityKeys.privateKey, forge.md.sha256.create())
  return {
    key: forge.pki.privateKeyToPem(keys.privateKey),
    chain: forge.pki.certificateToPem(certificate),
    authority: forge.pki.certificateToPem(authority),
  }
}
