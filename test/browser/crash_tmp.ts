import { launchChromium } from './support/chromium.ts'
import { prepareBrand } from '#pages/brand.ts'
import { english } from '#pages/texts/en.ts'
import { statesOf } from '../pages/states.ts'
const { brand, assets } = prepareBrand({ name: 'Postern' })
const states = statesOf({ brand, texts: english })
const css = String(assets[0]!.reply.body)
const b = await launchChromium()
const attempt = async (label: string, html: string) => { const p = await b.newPage(); try { await p.setContent(html); await p.evaluate('document.body.offsetHeight'); await p.screenshot({fullPage:true}); console.log(label,'ok') } catch(e) {console.log(label,String(e).slice(0,60))} finally { await p.close().catch(()=>{}) } }
const body = states.consent!.page.html
await attempt('nocss', body)
await attempt('css', body.replace('</head>', `<style>${css}</style></head>`))
for (const cut of ['text-wrap: balance;','text-wrap: pretty;','overflow-wrap: anywhere;','max-height: min(17.25rem, 60vh);','overflow: hidden;','overflow: auto;','display: none;']) await attempt('without '+cut, body.replace('</head>', `<style>${css.replaceAll(cut,'')}</style></head>`))
await b.close()
