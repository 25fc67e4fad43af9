import { leaveDeadLetters } from "../fixtures/dead-letters.ts";
import { keyPair } from "../providers/keys.ts";
import { WechatPayEmulator } from "../providers/wechatpay/emulator.ts";
import { Merchant } from "../system/merchant.ts";
import { SECRETS } from "../system/server.ts";

/** Where merchants hear: it counts as public here, and says yes to everything. */
export const HOOKS_HOST = "hooks.test";
const LETTERS = 40;

export interface Town {
  readonly merchant: Merchant;
  readonly wechat: WechatPayEmulator;
  /** What must never be in an answer. */
  readonly secrets: readonly string[];
}

/** The product with everything around it that it talks to: two providers, a merchant's server, and dead letters in the drawer. */
export async function town(): Promise<Town> {
  const [own, platform] = await Promise.all([keyPair(), keyPair()]);
  const wechat = new WechatPayEmulator(own, platform);
  const account = JSON.stringify({
    appid: wechat.appid,
    mchid: wechat.mchid,
    private_key: own.privateKey,
    serial: wechat.serial,
    api_v3_key: wechat.apiV3Key,
    platform_keys: { [wechat.keyId]: platform.publicKey },
  });
  const bindings = {
    WECHATPAY_ACCOUNT_MAIN: account,
    WECHATPAY_ACCOUNT_SECOND: account,
    WEBHOOK_HOSTS_ALLOWED: HOOKS_HOST,
    REQUEST_LOG: "off",
  };
  const world = {
    "api.mch.weixin.qq.com": wechat.answer,
    [HOOKS_HOST]: async () => new Response(null, { status: 204 }),
  };
  const merchant = await Merchant.open(bindings, "sandbox,wechatpay", world, (stateDir) => {
    leaveDeadLetters(stateDir, LETTERS);
  });
  const secrets = [...Object.values(SECRETS), own.privateKey.slice(40, 80), wechat.apiV3Key];
  return { merchant, wechat, secrets };
}
