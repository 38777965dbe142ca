// No function.
module attributes {tp.partitioned} {
  tp.mesh @mesh <["tp" = 2]>
}
