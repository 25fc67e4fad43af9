import { verifierOf } from "../rsa.ts";
import type { AlipayAccount } from "./account.ts";
import { certificateNumber, rootNumber } from "./certificates.ts";
import { contentOf } from "./signature.ts";

type Verify = (text: string, signature: string) => Promise<boolean>;

/** What proves that something is Alipay's: its public key, or its certificates by their numbers. */
export class Proof {
  /** What a request in certificate mode says beside everything else. */
  readonly named: Readonly<Record<string, string>>;
  /** By number; the only key of an account in public-key mode has none. */
  readonly #verifiers: ReadonlyMap<string | undefined, Verify>;

  constructor({ alipay_public_key: key, certificates }: AlipayAccount) {
    this.named = certificates
      ? {
          app_cert_sn: certificateNumber(certificates.app) ?? "",
          alipay_root_cert_sn: rootNumber(certificates.root) ?? "",
        }
      : {};
    this.#verifiers = new Map<string | undefined, Verify>(
      certificates
        ? certificates.alipay.map((text) => [certificateNumber(text) ?? "", verifierOf(text)])
        : [[undefined, verifierOf(key ?? "")]],
    );
  }

  /** @param number of the certificate that an answer says it is signed with; in public-key mode it says none that counts. */
  async ofAnswer(member: string, sign: string, number: unknown): Promise<boolean> {
    const verify = this.#verifiers.get(undefined) ?? this.#verifiers.get(String(number));
    return verify !== undefined && verify(member, sign);
  }

  /**
   * A notification does not say which certificate it is signed with. Alipay's libraries disagree about fields without a value:
   * one signs them, another leaves them out.
   */
  async ofNotification(fields: ReadonlyMap<string, string>): Promise<boolean> {
    const { sign, sign_type: type, ...rest } = Object.fromEntries(fields);
    if (type !== "RSA2" || sign === undefined) return false;
    const all = new Map(Object.entries(rest));
    const valued = new Map([...all].filter(([, value]) => value !== ""));
    for (const verify of this.#verifiers.values())
      for (const signed of valued.size < all.size ? [all, valued] : [all])
        if (await verify(contentOf(signed), sign)) return true;
    return false;
  }
}
