# Random effects with Hartung-Knapp, and shares of places with a beta-binomial by brute force.
# Rscript pooling.R   (metafor 3.8-1, jsonlite); writes pooling.json.
suppressMessages(library(metafor))
library(jsonlite)
cases <- list(
  different = list(y = c(-1300, 200, -2500, -900), se = c(600, 900, 1100, 400)),
  far_apart = list(y = c(1, 2, 6), se = c(1, 1, 1)),
  alike = list(y = c(.30, .31, .29, .32), se = c(.05, .10, .08, .20)),
  two = list(y = c(.1, .6), se = c(.1, .2))
)
effects <- lapply(cases, function(case) {
  r <- rma(yi = case$y, sei = case$se, method = "REML", test = "adhoc",
           control = list(threshold = 1e-14, maxiter = 10000))
  p <- predict(r)
  list(y = case$y, se = case$se, estimate = r$beta[1], low = r$ci.lb, high = r$ci.ub,
       tau2 = r$tau2, i2 = r$I2 / 100, q = r$QE, qp = r$QEp, predicted = c(p$pi.lb, p$pi.ub))
})
# Posterior over (mean, correlation) on a fine midpoint grid; prior: uniform, beta(1, 9).
brute <- function(x, n) {
  # the correlation at squares of midpoints, since its posterior is steep at 0
  u <- (seq_len(600) - .5) / 600; rho <- u^2
  m <- (seq_len(1500) - .5) / 1500
  grid <- expand.grid(m = m, rho = rho)
  size <- (1 - grid$rho) / grid$rho
  a <- grid$m * size; b <- (1 - grid$m) * size
  lp <- log(sqrt(grid$rho)) + dbeta(grid$rho, 1, 9, log = TRUE)
  for (i in seq_along(x)) lp <- lp + lbeta(a + x[i], b + n[i] - x[i]) - lbeta(a, b)
  w <- exp(lp - max(lp)); w <- w / sum(w)
  moments <- sapply(seq_along(x), function(i) {
    s <- (a + x[i]) / (size + n[i]); s2 <- s * (a + x[i] + 1) / (size + n[i] + 1)
    c(sum(w * s), sum(w * s2) - sum(w * s)^2)
  })
  keep <- w > 1e-12
  ends <- sapply(seq_along(x), function(i) sapply(c(.025, .975), function(q) uniroot(function(t)
    sum(w[keep] * pbeta(t, (a + x[i])[keep], (b + n[i] - x[i])[keep])) - q, c(1e-9, 1 - 1e-9), tol = 1e-7)$root))
  list(x = x, n = n, mean = moments[1, ], variance = moments[2, ], pooled = sum(w * grid$m),
       correlation = sum(w * grid$rho), low = ends[1, ], high = ends[2, ])
}
shares <- list(report = brute(c(30, 5, 4), c(95, 23, 29)), spread = brute(c(2, 30, 12, 45), c(20, 60, 40, 60)))
write_json(list(computed_by = paste(R.version.string, "metafor", packageVersion("metafor")),
                effects = effects, shares = shares),
           "pooling.json", digits = I(12), auto_unbox = TRUE, pretty = 1)
