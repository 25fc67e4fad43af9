/** What Alipay's own people, and the root it stands under, have published, with the address of each. */

/** github.com/alipay/alipay-sdk-nodejs-all, test/fixtures/alipayCertPublicKey_RSA2.crt; its number: test/antcertutil.test.ts. */
export const ALIPAY_CERTIFICATE = {
  number: "7513daaaa48aa3ba2e4018d84402479c",
  pem: `-----BEGIN CERTIFICATE-----
MIIDsjCCApqgAwIBAgIQICAFFOY8L+BNU4cW/iE1izANBgkqhkiG9w0BAQsFADCBgjELMAkGA1UE
BhMCQ04xFjAUBgNVBAoMDUFudCBGaW5hbmNpYWwxIDAeBgNVBAsMF0NlcnRpZmljYXRpb24gQXV0
aG9yaXR5MTkwNwYDVQQDDDBBbnQgRmluYW5jaWFsIENlcnRpZmljYXRpb24gQXV0aG9yaXR5IENs
YXNzIDIgUjEwHhcNMjAwNTE0MTQ0MjAxWhcNMjIwNTE0MTQ0MjAxWjCBkjELMAkGA1UEBhMCQ04x
LTArBgNVBAoMJOadreW3nueEleaXreS/oeaBr+aKgOacr+aciemZkOWFrOWPuDEPMA0GA1UECwwG
QWxpcGF5MUMwQQYDVQQDDDrmlK/ku5jlrp0o5Lit5Zu9Kee9kee7nOaKgOacr+aciemZkOWFrOWP
uC0yMDg4ODMxMjA0NjU5MjE3MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAhoVesfcG
vUv1XvUndmX0rmSZ/2posJBCooySbSVFpV79RtHMzrVz2aKkC3WvOXeT5iNeQK4mK8gp3vNkWrHT
kQGx5BcmkeO1WS384CQde7dAS0gmxeFs5bs+cCQqV2A2c2R9/5rJMtFtp1Ot/rIiMBUn6Ei0Uozt
M7AneavqQEzSwYlCKNhPFFtHCiz7u4O5R9CIyvUmYr+zpem2HXBN9ygPAZ0aXBQipGbc45+G07ZC
NsmY4hV/Igya1aBf+Ye8p10Ew8uBBri0sIknhSC2LqKKy2IH1fO6q1d1jhN240QRHvbpRNv60kAf
ZsEulBASBrCMBi49NiJyr5nre7SNywIDAQABoxIwEDAOBgNVHQ8BAf8EBAMCA/gwDQYJKoZIhvcN
AQELBQADggEBAEx9T99X9NhDZYXDftc0wH0Tc5OVRIqWTYBN/KEP1df+Ix5djcDrUUcXJMvprMw3
frUymgJsf7YUgZ1+dMz+Gup5dCH3qUu/5c9R3d8senb4wCiYR2FpJ3WGIONwInNQTs04a2wM4JIM
CdCYWC/H1hdvNl9V4pYeMckTruSnPmJlL6E/pNF5AuIYP5AswZSOhASIQzt5Rr6QDz/YVGi2/6al
5Bknm2f9dmsZbWDapKDrlJ3Ny2B0SZ0H47Y7lRlaVNe+Jj1jsrv16ONk1XLt71jyWyPAIlITLcyX
mMtT1IympPFRxBIngEImjGt6d1VUtkf61Cjpr0bRRDoZXvWRv5U=
-----END CERTIFICATE-----
`,
};

/** China's root of SM2, the first part of Alipay's root file, which does not count: github.com/guanzhi/GmSSL-Go, cert_test.go. */
export const SM2_ROOT = `-----BEGIN CERTIFICATE-----
MIIBszCCAVegAwIBAgIIaeL+wBcKxnswDAYIKoEcz1UBg3UFADAuMQswCQYDVQQG
EwJDTjEOMAwGA1UECgwFTlJDQUMxDzANBgNVBAMMBlJPT1RDQTAeFw0xMjA3MTQw
MzExNTlaFw00MjA3MDcwMzExNTlaMC4xCzAJBgNVBAYTAkNOMQ4wDAYDVQQKDAVO
UkNBQzEPMA0GA1UEAwwGUk9PVENBMFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAE
MPCca6pmgcchsTf2UnBeL9rtp4nw+itk1Kzrmbnqo05lUwkwlWK+4OIrtFdAqnRT
V7Q9v1htkv42TsIutzd126NdMFswHwYDVR0jBBgwFoAUTDKxl9kzG8SmBcHG5Yti
W/CXdlgwDAYDVR0TBAUwAwEB/zALBgNVHQ8EBAMCAQYwHQYDVR0OBBYEFEwysZfZ
MxvEpgXBxuWLYlvwl3ZYMAwGCCqBHM9VAYN1BQADSAAwRQIgG1bSLeOXp3oB8H7b
53W+CKOPl2PknmWEq/lMhtn25HkCIQDaHDgWxWFtnCrBjH16/W3Ezn7/U/Vjo5xI
pDoiVhsLwg==
-----END CERTIFICATE-----
`;

/** The first RSA part of Alipay's root file, as it names itself there, and its number: test/antcertutil.test.ts, as above. */
export const ANT_ROOT = {
  number: "687b59193f3f462dd5336e5abf83c5d8",
  serial: "1FCFA18D6A480D11",
  issuer: [
    ["C", "CN"],
    ["O", "Ant Financial"],
    ["OU", "Certification Authority"],
    ["CN", "Ant Financial Certification Authority R1"],
  ],
} as const;

/** A notification that Alipay sent in 2020, with the key it is signed for: published in an open library's tests (`test_alipay_verify`). */
export const NOTIFICATION = {
  at: "2020-08-31T16:16:26+08:00",
  content:
    'app_id=2018101761712502&auth_app_id=2018101761712502&buyer_id=2088202466133777&buyer_logon_id=446***@qq.com&buyer_pay_amount=0.01&charset=utf-8&fund_bill_list=[{"amount":"0.01","fundChannel":"ALIPAYACCOUNT"}]&gmt_create=2020-08-31 16:16:23&gmt_payment=2020-08-31 16:16:24&invoice_amount=0.01&notify_id=2020083100222161625033771438477577&notify_time=2020-08-31 16:16:25&notify_type=trade_status_sync&out_trade_no=104783005432152064&point_amount=0.00&receipt_amount=0.01&seller_email=register@kupay.io&seller_id=2088231960756623&subject=test&total_amount=0.01&trade_no=2020083122001433771402548536&trade_status=TRADE_SUCCESS&version=1.0',
  publicKey:
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAshixpgMR0jue/F2Wkq9Sf7Srd68uV9iJjfLMEuNl6iI8p3bp8zLkQd0hicm8oN7+L2SNstblROIpSNhBFPmCnl5wNLcsTZ04xNcmBbZKWZskrUVyQoiZ4haQQ2EQa7ScQlMHoupFMSxJVkFNznndjgVEOYzvonxfDPYWAtZ/6JhFKCJyh7WWMZEY5N+itx6nrSlq6Y9a54uOpUNdpontLnZ/Lh4TWC99Wwnt1cWxoL3wqodOp671FBlKXvhJb6y/p1oWBGSpXoxaFINpdNzTEhi5QgSFS4NwLVTO0fX7/2oxJDbJZhIdYoX7uOoweahyfCbUNZ+hBrVO3taTfZV91QIDAQAB",
  sign: "WZlREg2BUvHZMhXRrbj1PBUqpyI4T0BPWOSeEW3BqYYSICMbIKXrXvdESBWtnjvrUEsu27Sq9LTbXG5fA4P+q6AK7oofxd0NfGtxGFR3h9y9T/w8oxkSAcnEmTbUM6RD7BTtUF9d9L3uHswRdMgygwEUscEdk1xs9/dzGhZAFK1g3wYKtVOaYyO2N78fAQ/Ro/THYZgAoTlEIFz2Yeyyy+dp9jObOQ3lgtgg0qGUtdT23PeSVsXjai0PWoThQmgRucrptxWagLsbvwirYpaYfbetjq+Rxn5mr1VwXgEjkL1Yeb5hb917QGDFHyG2rNS38m/XZ1Wjs1uHo2JXcnEWIA==",
} as const;
