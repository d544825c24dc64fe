//! How the page looks. Colours are pairs, for light and dark; those of charts are told apart without seeing colours too.

pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;--page:#fff;--ink:#1c1e21;--soft:#5b626b;--line:#d9dde2;--box:#f5f7f9;--good:#1a7f4b;--bad:#b3261e;--warn:#8a5a00;\
--allowed:#4c78a8;--denied:#d1495b;--throttled:#edae49;--other:#8d99a6;--h1:#e6eef6;--h2:#c9ddf0;--h3:#9fc3e6;--h4:#6ba4d8}\
@media(prefers-color-scheme:dark){:root{--page:#14171a;--ink:#e6e8ea;--soft:#a2abb4;--line:#343a41;--box:#1d2125;--good:#5fd39a;--bad:#ff8a80;\
--warn:#f2c063;--allowed:#6ea0d6;--denied:#ef6f81;--throttled:#f3c063;--other:#929eab;--h1:#1c2a38;--h2:#21405c;--h3:#285a86;--h4:#2f75b0}}\
*{box-sizing:border-box}\
body{margin:0 auto;max-width:1120px;padding:24px 20px 64px;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\
h1{font-size:26px;margin:0 0 2px}h2{font-size:19px;margin:40px 0 8px}p{margin:6px 0}\
.soft,figcaption,th{color:var(--soft)}.small{font-size:13px}\
.state{border:1px solid var(--line);border-left:6px solid var(--good);background:var(--box);padding:10px 14px;margin:18px 0;border-radius:4px}\
.state.bad{border-left-color:var(--bad)}.state.warn{border-left-color:var(--warn)}\
.state b{color:var(--good)}.state.bad b{color:var(--bad)}.state.warn b{color:var(--warn)}\
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(130px,1fr));gap:10px;margin:14px 0}\
.card{background:var(--box);border:1px solid var(--line);border-radius:4px;padding:8px 12px}\
.card b{display:block;font-size:21px;font-weight:600;font-variant-numeric:tabular-nums}\
.scroll{overflow-x:auto}\
table{border-collapse:collapse;width:100%;font-size:14px}\
th{text-align:left;font-weight:600;font-size:13px;vertical-align:bottom}\
th,td{padding:5px 10px;border-bottom:1px solid var(--line)}td{vertical-align:top;overflow-wrap:anywhere}\
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;overflow-wrap:normal}\
.t{white-space:nowrap;overflow-wrap:normal;font-variant-numeric:tabular-nums}\
.name{min-width:110px}.grid td,.grid th{padding:5px 8px}.grid th.c{max-width:150px;overflow-wrap:anywhere;text-align:right}\
.h1{background:var(--h1)}.h2{background:var(--h2)}.h3{background:var(--h3)}.h4{background:var(--h4)}\
code{font:12px/1.45 ui-monospace,monospace}td code{display:block;max-height:4.4em;overflow:auto}\
details summary{cursor:pointer;color:var(--soft);font-size:13px}\
figure{margin:10px 0;overflow-x:auto}figure svg{display:block;width:100%;min-width:640px;height:auto}\
svg text{fill:var(--soft);font-family:system-ui,sans-serif}\
svg [fill='#4C78A8']{fill:var(--allowed)}svg [fill='#D1495B']{fill:var(--denied)}\
svg [fill='#EDAE49']{fill:var(--throttled)}svg [fill='#8D99A6']{fill:var(--other)}\
.key{display:inline-block;width:11px;height:11px;border-radius:2px;margin:0 5px 0 14px}\
.k1{background:var(--allowed)}.k2{background:var(--denied)}.k3{background:var(--throttled)}.k4{background:var(--other)}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 16px;margin:8px 0}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\
@media print{body{max-width:none}td code{max-height:none}}";
