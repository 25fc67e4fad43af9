import type { BankPayment } from "../../../schema/actors.ts";
import type { Language } from "../../app-env.ts";
import { dictionaryOf } from "../../pages/format.ts";
import { Countdown, documentOf, Layout, Note, Price, type Scene } from "../../pages/layout.tsx";

const en = {
  title: "Sandbox bank",
  notice: "This is a test bank. The money is not real.",
  pays: "You are paying",
  order: "Order",
  leftToPay: "Time left to decide",
  approve: "Approve",
  decline: "Decline",
  back: "Back to the shop",
  state: {
    requires_action: "Waiting for you",
    authorized: "Approved",
    succeeded: "Approved and paid",
    failed: "Declined",
    closed: "The shop has closed this payment",
  },
};

const zh: typeof en = {
  title: "测试银行",
  notice: "这是测试银行，不涉及真实资金。",
  pays: "您正在支付",
  order: "订单",
  leftToPay: "剩余确认时间",
  approve: "同意支付",
  decline: "拒绝",
  back: "返回商店",
  state: {
    requires_action: "等待您确认",
    authorized: "已同意",
    succeeded: "已支付",
    failed: "已拒绝",
    closed: "商店已关闭此笔支付",
  },
};

const WORDS: Record<Language, typeof en> = { en, zh };

/** The bank's page of one payment: what is paid, to whom, and two buttons. Works without JavaScript. */
export function bankPage(scene: Scene, payment: BankPayment, backUrl: string) {
  const t = WORDS[scene.lang];
  const open = payment.state === "requires_action" && scene.now < payment.expiresAt;
  const here = `/sandbox/payments/${payment.id}`;
  return documentOf(
    <Layout scene={scene} title={t.title} script="sale" narrow>
      <h1>{t.title}</h1>
      <Note>{t.notice}</Note>
      <section class="card">
        <p class="soft">{t.pays}</p>
        <p class="total">
          <strong>
            <Price t={dictionaryOf(scene.lang)} money={payment.amount} />
          </strong>
        </p>
        <p>{payment.description}</p>
        <p class="soft small">
          {t.order} <span class="mono">{payment.order}</span>
        </p>
        {open ? (
          <>
            <Countdown scene={scene} label={t.leftToPay} until={payment.expiresAt} />
            <form method="post" action={`${here}/approve`}>
              <button type="submit">{t.approve}</button>
            </form>
            <form method="post" action={`${here}/decline`}>
              <button type="submit" class="plain">
                {t.decline}
              </button>
            </form>
          </>
        ) : (
          <>
            <p>
              <strong>{t.state[payment.state]}</strong>
            </p>
            <a class="button" href={backUrl}>
              {t.back}
            </a>
          </>
        )}
      </section>
    </Layout>,
  );
}
