"""Texts that would run, load or break a page if one of them were ever taken as markup."""

PAYLOADS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'><iframe srcdoc='<script>alert(1)</script>'>",
    '" autofocus onfocus="alert(1)',
    "' autofocus onfocus='alert(1)",
    "</textarea></select><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    '<a href="javascript:alert(1)" id=main>x</a>',
    "{{7*7}} ${7*7} <%= 7*7 %> %(x)s %s",
    "<!--><img src onerror=alert(1)>-->",
    "<details open ontoggle=alert(1)>",
    "<math><mtext><style><img src onerror=alert(1)></style>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &quot;",
    "<base href=x><form action=javascript:alert(1)><button>x",
    "]]></svg><style>*{display:none}</style>",
)
