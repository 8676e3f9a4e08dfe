// An application of one page that signs people in by npm's @auth0/auth0-spa-js 2.28.3, as its authors built it.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { signIn } from './scene.ts'

export const LIBRARY_PATH = '/library.js'
export const LIBRARY = readFileSync(
  fileURLToPath(import.meta.resolve('@auth0/auth0-spa-js')).replace(/lib[^/]*\/[^/]+$/, 'auth0-spa-js.production.js'),
)
export const AUDIENCE = 'https://api.mediamath.com/'

/** What the page has of the library, as far as it is used here. */
export type Auth0Client = {
  readonly loginWithRedirect: () => Promise<void>
  readonly handleRedirectCallback: () => Promise<unknown>
  readonly loginWithPopup: () => Promise<void>
  readonly getTokenSilently: (options?: { readonly cacheMode?: 'off' }) => Promise<string>
  readonly getUser: () => Promise<Readonly<Record<string, unknown>> | undefined>
  readonly isAuthenticated: () => Promise<boolean>
  readonly checkSession: () => Promise<void>
  readonly logout: (options: { readonly logoutParams: { readonly returnTo: string } }) => Promise<void>
}
declare const client: Auth0Client

/** The page, with the library under the name `client`. */
export const applicationPage = (settings: object): string =>
  `<!doctype html><title>Application</title><script src="${LIBRARY_PATH}"></script>
    <script>const client = new auth0.Auth0Client(${JSON.stringify(settings)})</script>`

/** A token that was asked for now. */
export const token = (page: Page): Promise<string> => page.evaluate(() => client.getTokenSilently({ cacheMode: 'off' }))

export const errorOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => String(error),
  )

export const signInByPopUp = async (page: Page, decide: (popUp: Page) => Promise<unknown> = signIn): Promise<void> => {
  const [popUp] = await Promise.all([
    page.waitForEvent('popup'),
    page.evaluate(() => {
      Object.assign(globalThis, { signedIn: client.loginWithPopup() })
    }),
  ])
  await decide(popUp)
  await page.evaluate(() => (globalThis as unknown as { readonly signedIn: Promise<void> }).signedIn)
}
